"""What the names in references stand for: variables of the environment, or the files that others name.

Where `NAME` is not set, `NAME_FILE` may name a file with its text, so that no secret has to stand in the
environment.  Nothing here tells a text or a file's name.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tentaculo.config.file_marks import FileMark, mark_of
from tentaculo.config.tokens import read_token_file


class Variables:
    """The variables as one reading of a configuration finds them; each file is read once."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._texts: dict[Path, str] = {}
        self._marks: dict[Path, FileMark] = {}

    @property
    def files(self) -> tuple[FileMark, ...]:
        """The files that were asked for, those of no use too, as they were before they were read."""
        return tuple(self._marks.values())

    def text_of(self, name: str, *, empty_is_unset: bool) -> str | None:
        """Return a variable's text, None where it is not set.

        Raises ValueError with the sentence where both it and its file are given, or the file can't be used.
        """
        text = self._environ.get(name)
        if empty_is_unset and not text:
            text = None
        file = self._environ.get(f"{name}_FILE")
        if not file:
            return text
        if text is not None:
            raise ValueError(f"the environment variables {name} and {name}_FILE are both set; set only one")
        try:
            return self._read(Path(file).absolute())
        except ValueError as fault:
            raise ValueError(f"the environment variable {name}_FILE {fault}") from None

    def _read(self, path: Path) -> str:
        if path not in self._texts:
            self._marks.setdefault(path, mark_of(path))
            text = read_token_file(path)
            if not text:
                raise ValueError("names a file that is empty")
            self._texts[path] = text
        return self._texts[path]

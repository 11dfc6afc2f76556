"""The checks of one release, in their order."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from scripts.releasing.audits import audit_npm, audit_python
from scripts.releasing.bills import LOCK, write_bills
from scripts.releasing.building import Built, build
from scripts.releasing.checkout import copy_checkout, tags_of
from scripts.releasing.commands import Tools
from scripts.releasing.contents import check_contents
from scripts.releasing.installing import forms, install
from scripts.releasing.outcomes import CheckFailed
from scripts.releasing.trying import try_gateway
from scripts.releasing.versions import check_version, version_of

FORMS = "wheel", "sdist", "compiled wheel"
Check = Callable[[], str]


class Release:
    """What is built and checked in `folder`, of the checkout in `project`, as that is now.

    Raises CheckFailed where there is no checkout.
    """

    def __init__(self, project: Path, tools: Tools, folder: Path) -> None:
        self._tools = tools
        self._folder = folder
        self._tree = folder / "tree"
        self._tags = tags_of(project)
        copy_checkout(project, self._tree)
        self._built: Built | None = None
        self._bills: tuple[Path, ...] = ()

    def checks(self) -> Sequence[tuple[str, Check]]:
        """Return the checks by name; each returns a sentence, or raises CheckFailed or CouldNotRun."""
        return (
            ("version", self._version),
            ("build", self._build),
            ("contents", self._contents),
            *((name, partial(self._try, name)) for name in FORMS),
            ("bills of materials", self._write_bills),
            ("Python audit", partial(self._audit, audit_python)),
            ("npm audit", partial(self._audit, audit_npm)),
        )

    def keep(self, folder: Path) -> None:
        """Copy what was built and listed to where it is published from."""
        folder.mkdir(parents=True, exist_ok=True)
        for file in (*self._files.files, *self._bills):
            shutil.copy(file, folder)

    @property
    def _files(self) -> Built:
        if self._built is None:
            raise CheckFailed("nothing was built")
        return self._built

    def _version(self) -> str:
        return check_version(self._tree, self._tags)

    def _build(self) -> str:
        built = build(self._tools, self._tree, self._new("built"))
        self._built = built
        return ", ".join(file.name for file in built.files)

    def _contents(self) -> str:
        return check_contents(self._files, self._tree, version_of(self._tree))

    def _try(self, name: str) -> str:
        folder = self._new(name.replace(" ", "-"))
        form = forms(self._files)[name]
        python = install(form, self._tools.compiler, self._tree / LOCK, folder / "environment")
        used = try_gateway(python.with_name("tentaculo"), self._tree, version_of(self._tree), folder)
        return f"installs with {LOCK}; {used}"

    def _write_bills(self) -> str:
        self._bills = write_bills(self._tools, self._tree, version_of(self._tree), self._new("bills"))
        return ", ".join(file.name for file in self._bills)

    def _audit(self, audit: Callable[[Tools, Path, Path], str]) -> str:
        return audit(self._tools, self._tree, self._new(audit.__name__))

    def _new(self, name: str) -> Path:
        folder = self._folder / name
        folder.mkdir()
        return folder

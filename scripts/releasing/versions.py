"""The version: said in `tentaculo/__init__.py`, repeated where that can't be read, tagged once it is out."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from scripts.releasing.outcomes import CheckFailed, hold

HOME = "tentaculo/__init__.py"
# Every match is the version, and there is one at least.
PLACES: Mapping[str, str] = {
    "tentaculo/browser/package.json": r'^  "version": "(.*)",$',
    "examples/vx11/frontend/package.json": r'^  "version": "(.*)",$',
    "examples/vx11/frontend/package-lock.json": r'^ +"name": "events-panel",\n +"version": "(.*)",$',
    "Dockerfile": r"^ARG VERSION=(.*)$",
    "README.md": r"\bversion=(\S+)$",
}
_RELEASE = re.compile(r"\d+\.\d+\.\d+((a|b|rc)\d+)?")
_SECTION = re.compile(r"^## (\S+) \u2013 (.+)\n((?:(?!## ).*\n?)*)", re.MULTILINE)
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_VERSION_TAG = re.compile(r"v?\d.*")


def version_of(project: Path) -> str:
    """Return the version.  Raises CheckFailed where it is none."""
    found = re.findall(r'^__version__ = "(.*)"$', (project / HOME).read_text(), re.MULTILINE)
    if len(found) != 1 or not _RELEASE.fullmatch(found[0]):
        raise CheckFailed(f"{HOME} says no version of the form 1.2.3")
    return str(found[0])


def check_version(project: Path, tags: Sequence[str]) -> str:
    """Check every place that repeats the version, the changelog, and the `tags` of the commit."""
    version = version_of(project)
    tags = [tag for tag in tags if _VERSION_TAG.fullmatch(tag)]
    faults = [*_differing(project, version), *_changelog(project, version, is_out=bool(tags))]
    faults += [f"the tag {tag} is not v{version}" for tag in tags if tag != f"v{version}"]
    hold(faults)
    told = f"v{version} is its tag" if tags else "no tag yet"
    return f"{version}, the same in {len(PLACES) + 2} files; {told}"


def _differing(project: Path, version: str) -> list[str]:
    faults = []
    for place, pattern in PLACES.items():
        found = set(re.findall(pattern, (project / place).read_text(), re.MULTILINE))
        if found != {version}:
            faults.append(f"{place} says {', '.join(sorted(found)) or 'nothing'}, not {version}")
    return faults


def _changelog(project: Path, version: str, *, is_out: bool) -> list[str]:
    """The newest section is that of the version; `is_out` demands its date."""
    newest = _SECTION.search((project / "CHANGELOG.md").read_text())
    if newest is None or newest[1] != version:
        return [f"CHANGELOG.md does not begin with a section for {version}"]
    if not re.search(r"^- ", newest[3], re.MULTILINE):
        return [f"CHANGELOG.md says nothing of {version}"]
    if is_out and not _DATE.fullmatch(newest[2]):
        return [f"CHANGELOG.md says {newest[2]} where the date of {version} belongs"]
    return []

"""The version is the same wherever it is said: in this project, and in copies of it that were spoilt."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from scripts.releasing.outcomes import CheckFailed
from scripts.releasing.versions import HOME, PLACES, check_version, version_of

PROJECT = Path(__file__).parents[3]
SECTION = "# Changelog\n\n## 1.2.3 \u2013 {date}\n\n### Added\n\n- It works.\n\n## 1.2.2 \u2013 2020-01-02\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The files of this project that say its version, with 1.2.3 instead."""
    version = version_of(PROJECT)
    for place in (HOME, *PLACES):
        target = tmp_path / place
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text((PROJECT / place).read_text().replace(version, "1.2.3"))
    (tmp_path / "CHANGELOG.md").write_text(SECTION.format(date="2020-02-03"))
    return tmp_path


def test_this_project() -> None:
    """Every file here says the version of the package, and the changelog begins with it."""
    assert check_version(PROJECT, []).startswith(f"{version_of(PROJECT)}, the same in ")


@pytest.mark.parametrize(
    ("tags", "told"),
    [
        pytest.param([], "no tag yet", id="none"),
        pytest.param(["v1.2.3"], "v1.2.3 is its tag", id="its own"),
        pytest.param(["deployed", "v1.2.3"], "v1.2.3 is its tag", id="another beside it"),
        pytest.param(["deployed"], "no tag yet", id="only another"),
    ],
)
def test_tags(tags: Sequence[str], told: str, project: Path) -> None:
    """A tag that names a version names this one; others don't matter."""
    assert check_version(project, tags) == f"1.2.3, the same in 7 files; {told}"


@pytest.mark.parametrize("tag", ["v1.2.2", "1.2.3"])
def test_tag_of_another_version(tag: str, project: Path) -> None:
    """It is a fault."""
    with pytest.raises(CheckFailed, match=f"^the tag {tag} is not v1.2.3$"):
        check_version(project, [tag])


@pytest.mark.parametrize("place", PLACES)
def test_place_that_differs(place: str, project: Path) -> None:
    """It is named with what it says, in each file."""
    text = (project / place).read_text()
    (project / place).write_text(text.replace("1.2.3", "1.2.2"))
    with pytest.raises(CheckFailed, match=f"^{place} says 1.2.2, not 1.2.3$"):
        check_version(project, [])


def test_place_that_differs_from_itself(project: Path) -> None:
    """A lock file says the version twice; both count."""
    lock = project / "examples/vx11/frontend/package-lock.json"
    lock.write_text(lock.read_text().replace("1.2.3", "1.2.2", 1))
    with pytest.raises(CheckFailed, match=r"says 1\.2\.2, 1\.2\.3, not"):
        check_version(project, [])


def test_place_without_a_version(project: Path) -> None:
    """It is a fault: a check that finds nothing to check must not pass."""
    (project / "Dockerfile").write_text("FROM scratch\n")
    with pytest.raises(CheckFailed, match=r"^Dockerfile says nothing, not 1\.2\.3$"):
        check_version(project, [])


@pytest.mark.parametrize(
    ("changelog", "fault"),
    [
        pytest.param("# Changelog\n", "does not begin with a section for 1.2.3", id="none"),
        pytest.param("## 1.2.2 \u2013 2020-01-02\n\n- Old.\n", "does not begin with a section", id="old"),
        pytest.param(
            "## 1.2.3 \u2013 unreleased\n\n## 1.2.2 \u2013 a\n\n- Old.\n", "says nothing of", id="empty"
        ),
    ],
)
def test_changelog(changelog: str, fault: str, project: Path) -> None:
    """Its newest section is that of the version, and says something."""
    (project / "CHANGELOG.md").write_text(changelog)
    with pytest.raises(CheckFailed, match=f"^CHANGELOG.md {fault}"):
        check_version(project, [])


def test_changelog_of_what_is_out(project: Path) -> None:
    """Until the commit is tagged the date may be missing, then no more."""
    (project / "CHANGELOG.md").write_text(SECTION.format(date="unreleased"))
    check_version(project, [])
    with pytest.raises(
        CheckFailed, match=r"^CHANGELOG.md says unreleased where the date of 1\.2\.3 belongs$"
    ):
        check_version(project, ["v1.2.3"])


@pytest.mark.parametrize("text", ["", '__version__ = "1.2"\n', '__version__ = "next"\n'])
def test_no_version(text: str, project: Path) -> None:
    """What is no version is not taken for one."""
    (project / HOME).write_text(text)
    with pytest.raises(CheckFailed, match="says no version"):
        check_version(project, [])

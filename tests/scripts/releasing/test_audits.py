"""What is made of the audits' answers: clean, vulnerable, and above all not asked."""

from __future__ import annotations

import json

import pytest

from scripts.releasing.audits import read_npm_audit, read_pip_audit
from scripts.releasing.commands import Done
from scripts.releasing.outcomes import CheckFailed, CouldNotRun

CLEAN = {"name": "click", "version": "8.1.0", "vulns": []}
VULNERABLE = {"name": "yarl", "version": "1.0", "vulns": [{"id": "X-1"}, {"id": "X-2"}]}
SKIPPED = {"name": "rich", "skip_reason": "not found"}
COUNTS = {"dependencies": {"total": 42}}


def pip_audit(*packages: object) -> Done:
    """An answer about these packages."""
    return Done(0, json.dumps({"dependencies": packages}), "No known vulnerabilities found\n")


def npm_audit(**answer: object) -> Done:
    """An answer of npm."""
    return Done(1, json.dumps(answer), "npm error audit failed\nnpm error A complete log of this run\n\n")


def test_clean() -> None:
    """A sentence says how much was asked about."""
    assert read_pip_audit(pip_audit(CLEAN)) == "pip-audit knows of nothing in 1 Python packages"
    told = read_npm_audit(npm_audit(metadata=COUNTS, vulnerabilities={}))
    assert told == "npm audit knows of nothing in 42 npm packages"


def test_vulnerable() -> None:
    """Each package is named with what is known of it, though others were not asked about."""
    with pytest.raises(CheckFailed, match=r"^yarl 1\.0 has X-1, X-2$"):
        read_pip_audit(pip_audit(CLEAN, VULNERABLE, SKIPPED))
    found = {"vite": {"severity": "high"}, "react": {"severity": "low"}}
    with pytest.raises(CheckFailed, match=r"^vite is vulnerable: high\nreact is vulnerable: low$"):
        read_npm_audit(npm_audit(metadata=COUNTS, vulnerabilities=found))


@pytest.mark.parametrize(
    ("done", "reason"),
    [
        pytest.param(pip_audit(CLEAN, SKIPPED), "its service told nothing of 1 of 2 packages", id="skipped"),
        pytest.param(pip_audit(), "its service told nothing of 0 of 0 packages", id="nothing"),
        pytest.param(Done(1, "", "Traceback:\nTimeout: too slow\n"), "Timeout: too slow", id="away"),
        pytest.param(Done(3, "{}", "\n"), "exit code 3", id="silent"),
    ],
)
def test_pip_audit_that_could_not_run(done: Done, reason: str) -> None:
    """It is never taken for clean, though pip-audit itself calls a package that it skipped a success."""
    with pytest.raises(CouldNotRun) as told:
        read_pip_audit(done)
    assert str(told.value) == f"pip-audit could not run: {reason}"


@pytest.mark.parametrize(
    ("done", "reason"),
    [
        pytest.param(npm_audit(message="405 Method Not Allowed"), "405 Method Not Allowed", id="refused"),
        pytest.param(npm_audit(error={}), "npm error audit failed", id="no message"),
        pytest.param(Done(1, "", "npm error no such command\n"), "npm error no such command", id="no JSON"),
    ],
)
def test_npm_audit_that_could_not_run(done: Done, reason: str) -> None:
    """Nor is npm's."""
    with pytest.raises(CouldNotRun) as told:
        read_npm_audit(done)
    assert str(told.value) == f"npm audit could not run: {reason}"

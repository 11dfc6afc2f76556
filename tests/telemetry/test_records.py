"""Records of the standard library on their way through the chain."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable

from tentaculo.config.settings import LogSettings
from tentaculo.telemetry.logs import Logs
from tests.telemetry.sinks import FORMATS, SECRET, Lines, fail


@FORMATS
def test_records(shape: str, make_logs: Callable[..., Logs], lines: Lines) -> None:
    """Records of the standard library pass the same chain: arguments, exceptions and stacks."""
    make_logs(shape).attach_standard_library()
    logger = logging.getLogger("someone.else")
    logger.info("got %s and %r", f"/e?token={SECRET}", {"X-Token": SECRET})
    logger.debug("%(token)s", {"token": f"Bearer {SECRET}"}, stack_info=True)
    logger.error("wrong %s %s", *[f"token={SECRET}"])
    logger.log(5, "below")
    logger.log(25, "between")
    try:
        fail(ValueError(f"token={SECRET}"))
    except ValueError:
        logger.exception("failed")
    assert SECRET not in lines.text
    assert "got /e?token=***" in lines.text
    assert "Stack (most recent call last)" in lines.text
    assert "wrong %s %s" in lines.text
    assert "ValueError: token=***" in lines.text
    assert "below" not in lines.text
    assert "someone.else" in lines.text
    if shape == "json":
        assert [event["level"] for event in lines.events] == ["info", "debug", "error", "info", "error"]


def test_warnings(make_logs: Callable[..., Logs], lines: Lines) -> None:
    """Warnings are events."""
    make_logs().attach_standard_library()
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(False)
        logging.captureWarnings(True)
        warnings.warn(f"token={SECRET}", stacklevel=1)
    assert lines.events[0]["logger"] == "py.warnings"
    assert SECRET not in lines.text


def test_detach_restores() -> None:
    """Afterwards the standard library's logging is as it was, however often one attached."""
    root, access = logging.getLogger(), logging.getLogger("aiohttp.access")
    before = (root.handlers, list(root.handlers), root.level, access.disabled, warnings.showwarning)
    logs = Logs(LogSettings(level="error"), Lines())
    logs.detach()
    logs.attach_standard_library()
    logs.attach_standard_library()
    assert access.disabled
    assert root.level == logging.ERROR
    logs.detach()
    logs.detach()
    assert (root.handlers, list(root.handlers), root.level, access.disabled, warnings.showwarning) == before


def test_captured_warnings_stay_captured() -> None:
    """Who captured warnings before goes on capturing them."""
    logging.captureWarnings(True)
    try:
        captured = warnings.showwarning
        logs = Logs(LogSettings(), Lines())
        logs.attach_standard_library()
        logs.detach()
        assert warnings.showwarning is captured
    finally:
        logging.captureWarnings(False)

"""Whether compose would make again what runs."""

from __future__ import annotations

from typing import Any

import pytest

from scripts.deploying import agreement, snapshot
from scripts.deploying.outcomes import NotPossible, StepFailed
from tests.scripts.deploying.engine import Engine


def test_agreement(engine: Engine) -> None:
    """It would; a service that does not run says nothing."""
    engine.containers.pop()
    assert agreement.check(engine.stack()).startswith("names of images and the published port")


def test_other_name(engine: Engine) -> None:
    """A stack that was started with other tags is not replaced under these."""
    engine.containers[0]["Config"]["Image"] = "vx11/hermes:1.2"
    reason = "hermes runs as vx11/hermes:1.2, and .* vx11/hermes:latest: set VX11_SERVICE_TAG as it was"
    with pytest.raises(StepFailed, match=reason):
        agreement.check(engine.stack())
    assert agreement.check_port(engine.stack()) == "the published port is that of compose"


@pytest.mark.parametrize(
    ("address", "port", "said"),
    [
        ("", "8000", "0.0.0.0:8000"),
        ("127.0.0.1", "80", "127.0.0.1:80"),
        ("127.0.0.1", "", "127.0.0.1:any port"),
    ],
)
def test_other_port(address: str, port: str, said: str, engine: Engine) -> None:
    """Nor is a gateway that would come back at another place than where its clients look for it."""
    gateway = next(one for one in engine.containers if one["HostConfig"]["PortBindings"])
    gateway["HostConfig"] = {"PortBindings": {"8000/tcp": [{"HostIp": address, "HostPort": port}]}}
    for check in (agreement.check, agreement.check_port):
        with pytest.raises(
            StepFailed, match=f"published at {said}, and compose has 127.0.0.1:8000: set VX11_PUBLISH"
        ):
            check(engine.stack())


def test_names_of_before(engine: Engine) -> None:
    """A snapshot with other names can't be gone back to: compose would take the images that it names now."""
    before = snapshot.describe(engine.stack(), "now")
    agreement.check_names(engine.stack(), before)
    before.names["madre"] = "vx11/madre:1.2"
    with pytest.raises(NotPossible, match=r"other names for the images of madre$"):
        agreement.check_names(engine.stack(), before)


@pytest.mark.parametrize(
    ("port", "place"),
    [
        pytest.param("127.0.0.1:80:8000/tcp", ("127.0.0.1", "80"), id="short"),
        pytest.param("80:8000", ("0.0.0.0", "80"), id="short, all addresses"),
        pytest.param("[::1]:80:8000/tcp", ("::1", "80"), id="short, IPv6"),
        pytest.param("8000/tcp", ("0.0.0.0", ""), id="short, any port"),
        pytest.param(
            {"mode": "ingress", "host_ip": "127.0.0.1", "target": 8000, "published": "80", "protocol": "tcp"},
            ("127.0.0.1", "80"),
            id="long",
        ),
        pytest.param({"target": 8000, "published": 80}, ("0.0.0.0", "80"), id="long, all addresses"),
        pytest.param({"target": 8000}, ("0.0.0.0", ""), id="long, any port"),
    ],
)
def test_published(port: Any, place: tuple[str, str]) -> None:
    """Compose renders ports in two forms, by its version; others than the gateway's do not count."""
    assert agreement.published({"ports": [port, "9:9100/tcp", {"target": 9100}]}) == {place}

"""What the engine tells of a container, and the parts of an image's name."""

from __future__ import annotations

from typing import Any

import pytest

from scripts.deploying.stack import Container, repository_of, tag_of


def container(**state: Any) -> Container:
    """A container as the engine tells of it."""
    return Container(
        {
            "Id": "abc",
            "Name": "/vx11_madre_1",
            "Image": "sha256:1",
            "State": {"Running": True, "Pid": 7, **state},
            "Config": {
                "Labels": {"com.docker.compose.service": "madre", "com.docker.compose.oneoff": "False"},
                "Env": ["PATH=/bin", "PORT=8001"],
            },
            "HostConfig": {"PortBindings": {"8000/tcp": [{"HostIp": "", "HostPort": "80"}]}},
            "NetworkSettings": {"Ports": {}, "Networks": {"vx11_services": {"IPAddress": "192.0.2.4"}}},
        }
    )


def test_container() -> None:
    """Its parts are found where the engine puts them."""
    one = container()
    assert (one.id, one.name, one.service, one.image) == ("abc", "vx11_madre_1", "madre", "sha256:1")
    assert (one.is_own, one.pid, one.port) == (True, 7, 8001)
    assert one.addresses == {"vx11_services": "192.0.2.4"}
    assert one.published == [("0.0.0.0", 80)]


@pytest.mark.parametrize(
    ("state", "health"),
    [
        pytest.param({"Running": False}, "gone", id="stopped"),
        pytest.param({}, "none", id="without a check"),
        pytest.param({"Health": {"Status": "starting"}}, "starting", id="with one"),
    ],
)
def test_health(state: dict[str, Any], health: str) -> None:
    """A container that does not run is gone, whatever its check said last."""
    assert container(**state).health == health


@pytest.mark.parametrize(
    ("test", "command"),
    [
        pytest.param(None, (), id="none"),
        pytest.param(["NONE"], (), id="switched off"),
        pytest.param(["CMD", "python3", "-c", "x"], ("python3", "-c", "x"), id="a command"),
        pytest.param(["CMD-SHELL", "a | b"], ("sh", "-c", "a | b"), id="a line of sh"),
    ],
)
def test_check(test: list[str] | None, command: tuple[str, ...]) -> None:
    """Its own check can be made at any time."""
    one = Container({"Config": {"Healthcheck": {"Test": test} if test else None}})
    assert one.check == command


@pytest.mark.parametrize(
    ("image", "repository", "tag"),
    [
        ("vx11/service:latest", "vx11/service", "latest"),
        ("vx11/service", "vx11/service", "latest"),
        ("registry.example:5000/vx11/service", "registry.example:5000/vx11/service", "latest"),
        ("registry.example:5000/vx11/service:1.2", "registry.example:5000/vx11/service", "1.2"),
    ],
)
def test_names(image: str, repository: str, tag: str) -> None:
    """A colon before a slash is a port's."""
    assert (repository_of(image), tag_of(image)) == (repository, tag)

"""An address that is kept for several workers and for nobody else."""

from __future__ import annotations

import socket

import pytest

from tentaculo.config.settings import Address
from tentaculo.listening import StartError
from tentaculo.workers.sockets import Place, close_all
from tests.workers.parts import ANY


def is_taken(port: int, *, shares: bool = False) -> bool:
    """Whether another listener is refused, which may be willing to share."""
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shares:
            other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        try:
            other.bind(("127.0.0.1", port))
            other.listen()
        except OSError:
            return True
    return False


def test_each_worker_has_sockets_of_its_own() -> None:
    """They listen at the port that the system chose, and the place is kept without any."""
    place = Place(ANY)
    host, port = place.address
    made = [place.listen() for _ in range(3)]
    assert {each.getsockname() for sockets in made for each in sockets} == {(host, port)}
    assert is_taken(port)
    for sockets in made:
        close_all(sockets)
        assert sockets == []
    assert is_taken(port)
    close_all(place.listen())
    place.close()
    assert not is_taken(port)


@pytest.mark.parametrize("shares", [False, True], ids=["alone", "shares"])
def test_taken_place(shares: bool) -> None:
    """Where anyone else listens there is no place, though both would share."""
    with socket.socket() as other:
        if shares:
            other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(StartError, match=f"cannot listen on 127.0.0.1:{port}: Address already in use"):
            Place(Address("127.0.0.1", port))


def test_name_without_an_address() -> None:
    """It is said as by one process."""
    with pytest.raises(StartError, match=r"cannot listen on nowhere\.invalid:80: "):
        Place(Address("nowhere.invalid", 80))


def test_all_addresses_of_a_name() -> None:
    """A worker has a socket for each."""
    place = Place(Address("localhost", 0))
    sockets = place.listen()
    wanted = {found[0] for found in socket.getaddrinfo("localhost", 0, type=socket.SOCK_STREAM)}
    assert {each.family for each in sockets} == wanted
    close_all(sockets)
    place.close()


def test_place_that_fails_later() -> None:
    """It is said in one sentence too, and nothing is left open."""
    place = Place(ANY)
    place._kept[0].close()
    with pytest.raises(StartError, match=r"cannot listen on 127\.0\.0\.1:0: Bad file descriptor"):
        place.listen()
    place.close()

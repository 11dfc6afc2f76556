"""Leads new connections to another address, and lets those that are open go on: rules of iptables.

All rules of a stack bear its name in a comment; so those that a killed run left are found.
"""

from __future__ import annotations

import os
import shlex
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import ip_address
from itertools import pairwise

from scripts.deploying.commands import attempt, run

HOST = 0
"""Stands for this machine's own network, where the number of a process stands for that process's."""

Place = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Redirect:
    """A rule: in the network of process `namespace`, what goes to `matches` goes to `target` instead."""

    namespace: int
    chain: str
    matches: tuple[str, ...]
    target: tuple[str, ...]
    family: int = 4


class Redirects:
    """The rules of one stack, by what they are for."""

    def __init__(self, project: str) -> None:
        self._mark = f"vx11-deployment {project} "
        self._usable = lack() is None

    def add(self, purpose: str, redirects: Iterable[Redirect]) -> None:
        """Put rules before all others."""
        for one in redirects:
            comment = ("-m", "comment", "--comment", self._mark + purpose)
            rule = (one.chain, "1", "-p", "tcp", *one.matches, *comment, "-j", *one.target)
            run(*_iptables(one.namespace, one.family), "-I", *rule)

    def delete(self, namespaces: Iterable[int], purpose: str = "") -> int:
        """Delete the rules for a purpose, or for all; return how many there were."""
        found = self._found(namespaces, purpose)
        self._delete(found)
        return len(found)

    def are_used(self, purpose: str) -> bool:
        """Whether a connection of this machine was led by a rule for a purpose."""
        listed = [attempt(*_iptables(HOST, family), "-v", "-S", "OUTPUT").text for family in (4, 6)]
        rules = [shlex.split(line) for text in listed for line in text.splitlines()]
        counts = [dict(pairwise(rule)).get("-c", "0") for rule in rules if self._is_mine(rule, purpose)]
        return any(count != "0" for count in counts)

    def count(self, namespaces: Iterable[int] = (HOST,)) -> int:
        """Return how many there are."""
        return len(self._found(namespaces, ""))

    def _found(self, namespaces: Iterable[int], purpose: str) -> list[tuple[int, int, list[str]]]:
        found: list[tuple[int, int, list[str]]] = []
        for namespace in set(namespaces) if self._usable else ():
            for family in (4, 6):
                listed = attempt(*_iptables(namespace, family), "-S").text
                rules = map(shlex.split, listed.splitlines())
                found += [(namespace, family, rule) for rule in rules if self._is_mine(rule, purpose)]
        return found

    def _is_mine(self, rule: list[str], purpose: str) -> bool:
        comments = [value for name, value in pairwise(rule) if name == "--comment"]
        mark = self._mark + purpose
        return any(one == mark or (not purpose and one.startswith(mark)) for one in comments)

    def _delete(self, found: list[tuple[int, int, list[str]]]) -> None:
        for namespace, family, rule in found:
            # Only one of several that are alike goes with each call, the first of them.
            attempt(*_iptables(namespace, family), "-D", *rule[1:])


def lack() -> str | None:
    """Return why connections can't be led elsewhere here, None where they can."""
    if os.geteuid() != 0:
        return "it does not run as root"
    missing = [name for name in ("iptables", "nsenter") if shutil.which(name) is None]
    if missing:
        return f"{missing[0]} is not installed"
    done = attempt(*_iptables(HOST, 4), "-S", "OUTPUT")
    return None if done.code == 0 else "iptables can't be used"


def to_port(published: Place, spare: int) -> list[Redirect]:
    """Return the rules that lead who comes for a published port of this machine to a spare one."""
    host, port = published
    address = ip_address(host)
    matches: tuple[str, ...] = (
        ("-m", "addrtype", "--dst-type", "LOCAL") if address.is_unspecified else ("-d", host)
    )
    matches += ("--dport", str(port))
    # From elsewhere nothing comes for the loopback address.
    chains = ("OUTPUT",) if address.is_loopback else ("OUTPUT", "PREROUTING")
    target = ("REDIRECT", "--to-ports", str(spare))
    return [Redirect(HOST, chain, matches, target, address.version) for chain in chains]


def to_service(namespace: int, port: int, address: str) -> Redirect:
    """Return the rule that leads a container's connections for a port of other machines to one address."""
    matches = ("!", "-d", "127.0.0.0/8", "--dport", str(port))
    return Redirect(namespace, "OUTPUT", matches, ("DNAT", "--to-destination", address))


def _iptables(namespace: int, family: int) -> tuple[str, ...]:
    command = ("ip6tables" if family == 6 else "iptables", "-w", "5", "-t", "nat")
    return command if namespace == HOST else ("nsenter", "--target", str(namespace), "--net", *command)

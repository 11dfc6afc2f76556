"""Route tables of any size for `routes` and `reload`: a mix as it grows where many services share a gateway.

Pure; one route in the middle is the one that is called, and the last one takes what no other does.
"""

from __future__ import annotations

from collections.abc import Iterator

CALLED_PATH = "/operator/api/status"  # of the route in the middle
LATE_PATH = "/tenants/acme/reports/monthly/7"  # passes literals and names, and falls to the last wildcard
CALLED = "path: '/operator/api/{call}'"
LATE = "path: '/*'"
KINDS = (
    "path: '/service-{0}/status', methods: [GET]",
    "path: '/service-{0}/items/{{item}}'",
    "path: '/service-{0}/*', methods: [GET, POST]",
    "path: '/tenants/{{tenant}}/reports/{{report}}/part-{0}'",
    "path: '/api/*', host: service-{0}.example",
)


def instance(count: int) -> str:
    """Return the name of the gateway with so many routes."""
    return f"tentaculo-{count}"


def make_routes(count: int) -> str:
    """Return the lines of `count` routes, three or more, for the template's list."""
    lines = [
        f"  - {{name: route-{number}, {fields}, upstream: backend}}" for number, fields in _fields(count)
    ]
    return "\n".join(lines)


def _fields(count: int) -> Iterator[tuple[int, str]]:
    for number in range(count):
        if number == count // 2:
            yield number, CALLED
        elif number == count - 1:
            yield number, LATE
        else:
            yield number, KINDS[number % len(KINDS)].format(number)

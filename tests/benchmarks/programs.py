"""Stand-ins for nginx as a backend and for wrk, for tests of whole benchmarks where neither is installed."""

from __future__ import annotations

import sys
from pathlib import Path

NGINX = r"""
import re, sys
from pathlib import Path
from tests.benchmarks.plain_backend import plain_backend

if sys.argv[1] == "-v":
    print("nginx version: nginx/0.0")
else:
    text = Path(sys.argv[-1]).read_text()
    with plain_backend(int(re.search(r"listen 127\.0\.0\.1:(\d+)", text)[1]), re.search("'(.*)'", text)[1]):
        sys.stdin.read()
        import signal
        signal.pause()
"""
WRK = r"""
import http.client, json, sys, time
from urllib.parse import urlsplit

options = [one.removeprefix("--header=").split(": ", 1) for one in sys.argv if one.startswith("--header=")]
url, started, received = urlsplit(sys.argv[-1]), time.monotonic(), 0
connection = http.client.HTTPConnection(url.hostname, url.port, timeout=5)
for _ in range(%(made)d):
    connection.request("GET", url.path, headers=dict(options))
    reply = connection.getresponse()
    received += len(reply.read()) + 1000
passed = int((time.monotonic() - started) * 1e6)
summary = {"requests": %(claimed)d, "microseconds": passed, "bytes": received, "median": 1000, "p99": 2000}
print(json.dumps(summary | {"failed": 0}))
"""


def put_programs(folder: Path, *, made: int = 50, claimed: int = 50) -> None:
    """Write both into `folder`; wrk makes so many requests in whatever time, and says how many it made."""
    for name, source in (("nginx", NGINX), ("wrk", WRK % {"made": made, "claimed": claimed})):
        program = folder / name
        program.write_text(f"#!{sys.executable}\n{source}")
        program.chmod(0o755)

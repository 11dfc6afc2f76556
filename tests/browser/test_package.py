"""The client as a package of npm: packed, installed from what was packed, imported and type-checked."""

from __future__ import annotations

import gzip
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

import tentaculo
from tests.browser.pages import CLIENT
from tests.clients.node import NODE, PACKAGES

FOLDER = CLIENT.parent
NPM = NODE.parents[1] / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
NAME = "tentaculo-event-source"
FILES = {"README.md", "event-source.d.ts", "event-source.js", "package.json", "react.d.ts", "react.js"}
LARGEST = 4096  # of the module as it is served, in gzip

IMPORTS = f"""
import * as client from "{NAME}";
import * as react from "{NAME}/react";
console.log(JSON.stringify([Object.keys(client), Object.keys(react)]));
"""
TYPED = f"""
import {{ EphemeralEventSource }} from "{NAME}";
import {{ useEventStream }} from "{NAME}/react";

const options = {{ issuePath: "/events/token", token: async () => "secret", shared: "group" }};
const s: EventSource = new EphemeralEventSource("/events", options);
const constructor: typeof EventSource = EphemeralEventSource;
const source = new EphemeralEventSource(new URL("http://gateway.test/"), {{ withCredentials: true }});
source.onerror = ({{ code, reason }}) => code === 401 && reason.length;
source.addEventListener("error", ({{ code }}) => code + 1);
source.addEventListener("news", ({{ data }}) => data);
const heard = {{ events: ["news"], onEvent: ({{ data }}: MessageEvent) => data }};
const {{ state, error }} = useEventStream("/events", {{ ...options, ...heard }});
const why: "connecting" | "open" | "closed" | number = error ? error.code : state;
// @ts-expect-error: the provider is a function, so that nothing keeps a token
new EphemeralEventSource("/events", {{ token: "secret" }});
// @ts-expect-error: it is read from
source.url = "/other";
"""


def run(*command: str | Path, cwd: Path) -> str:
    """Run a Node program away from this machine's settings, and return what it printed."""
    ran = subprocess.run(
        [NODE, *command],
        cwd=cwd,
        env={"HOME": str(cwd), "PATH": str(NODE.parent)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


def packed_in(folder: Path) -> dict[str, Any]:
    """Pack the package, and return what npm says of it."""
    (told,) = json.loads(run(NPM, "pack", FOLDER, "--json", "--offline", cwd=folder))
    return dict(told)


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """A project that has the packed package, and React from elsewhere."""
    if not (PACKAGES / "node_modules").is_dir():
        pytest.fail(f"no npm packages in {PACKAGES}: scripts/setup could not install them", pytrace=False)
    (tmp_path / "package.json").write_text('{"private": true, "type": "module"}')
    run(NPM, "install", "--offline", f"./{packed_in(tmp_path)['filename']}", cwd=tmp_path)
    (tmp_path / "node_modules" / "react").symlink_to(PACKAGES / "node_modules" / "react")
    return tmp_path


def test_tarball(tmp_path: Path) -> None:
    """It holds the client and nothing else, under the gateway's own version."""
    told = packed_in(tmp_path)
    assert {file["path"] for file in told["files"]} == FILES
    assert (told["name"], told["version"]) == (NAME, tentaculo.__version__)


def test_imports(installed: Path) -> None:
    """Both entries are imported by the package's name, also where there is no page."""
    (installed / "imports.js").write_text(IMPORTS)
    assert json.loads(run("imports.js", cwd=installed)) == [["EphemeralEventSource"], ["useEventStream"]]


def test_types(installed: Path) -> None:
    """The types fit under `strict`, and an EphemeralEventSource is an EventSource to them."""
    (installed / "use.ts").write_text(TYPED)
    compiler = PACKAGES / "node_modules" / "typescript" / "bin" / "tsc"
    run(
        compiler,
        "--strict",
        "--noEmit",
        "--target",
        "es2022",
        "--module",
        "nodenext",
        "use.ts",
        cwd=installed,
    )


def test_size() -> None:
    """The module is small, in spite of being served as it was written."""
    assert len(gzip.compress(CLIENT.read_bytes(), 9)) < LARGEST

"""A deployment breaks the operator, an edit breaks the configuration: the page on going back does so."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator

import pytest

from tests.stack.monitored import MonitoredStack
from tests.stack.runbook_callers import Caller, calling
from tests.stack.runbooks import runbook
from tests.stack.stack import run

PAGE = runbook("emergency-rollback")
TAG = f"runbook-{os.getpid()}"
BROKEN = f"{TAG}-broken"
IMAGES = {"GATEWAY": "tentaculo_link", "SERVICE": "service", "FRONTEND": "frontend", "REDIS": "redis"}
# It says that it is well, and answers nobody.
OPERATOR = """
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
class Operator(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/health" else 500)
        self.send_header("Content-Length", "0")
        self.end_headers()
    do_POST = do_GET
ThreadingHTTPServer(("0.0.0.0", 8011), Operator).serve_forever()
"""
BUILD = f"""
docker build --tag vx11/service:{BROKEN} - <<'end'
FROM vx11/service:{TAG}
ENTRYPOINT {json.dumps(["python3", "-c", OPERATOR])}
end
"""
# What a deployment does before it replaces anything.
TAKE = """
PYTHONPATH=$PWD .venv/bin/python -c '
from pathlib import Path
from scripts.deploying import planning, snapshot
from scripts.deploying.stack import Stack
before = snapshot.describe(Stack(), planning.now())
folder = Path("docs/audit/deployments", before.name)
folder.mkdir(parents=True)
snapshot.take(Stack(), folder, before)'
"""


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MonitoredStack]:
    """Run a stack on images of its own names, as they were before a deployment."""
    tags = {name: os.environ.get(f"VX11_{name}_TAG", "latest") for name in IMAGES}
    for name, image in IMAGES.items():
        run(["docker", "tag", f"vx11/{image}:{tags[name]}", f"vx11/{image}:{TAG}"], os.environ)
    project = f"vx11-runbook-rollback-{os.getpid()}"
    environ = {f"VX11_{name}_TAG": TAG for name in IMAGES}
    try:
        with MonitoredStack(project, tmp_path_factory.mktemp("project"), environ=environ) as stack:
            stack.block(TAKE)
            yield stack
    finally:
        remove_images()


def remove_images() -> None:
    """Remove the names that the tests and the rollback gave; the images stay."""
    listing = ("docker", "images", "--format", "{{.Repository}}:{{.Tag}}", "--filter")
    own = run([*listing, f"reference=vx11/*:{TAG}*"], os.environ).split()
    run(["docker", "rmi", "--no-prune", *own], os.environ)


async def test_a_bad_edit(deployed: MonitoredStack) -> None:
    """The file that was in effect is there again, and the edit beside it."""
    text = deployed.configuration.read_text(encoding="utf-8")
    edit = text + "\nspelled_wrongly: true\n"
    deployed.configuration.write_text(edit, encoding="utf-8")
    told = await deployed.follow(PAGE)
    assert "ConfigurationRejected" in told
    assert deployed.configuration.read_text(encoding="utf-8") == text
    assert (deployed.folder / "rejected.yaml").read_text(encoding="utf-8") == edit
    await deployed.roll_back(PAGE)


async def test_a_broken_image(deployed: MonitoredStack) -> None:
    """The image of before runs again, and calls are answered."""
    deployed.block(BUILD)
    async with calling(deployed, Caller.status) as caller:
        deployed.block(f"VX11_SERVICE_TAG={BROKEN} scripts/stack up --detach --no-deps operator-backend")
        assert "RollbackErrorRate" in await deployed.follow(PAGE)
        await caller.comes_to(200, Caller.status)
    await deployed.is_well()

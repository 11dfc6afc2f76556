"""What the pages show: files that are good, commands that there are."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import click
import pytest
import yaml
from click.testing import CliRunner

from tentaculo.cli import main
from tests.config.files import settings_of
from tests.documents.pages import DOCS, PAGES, ROOT, blocks, own_commands, typed

SECRETS = {
    "APP_TOKEN": "token-of-the-app",
    "TENTACULO_ADMIN_TOKEN": "token-of-admins",
    "REDIS_URL": "redis://redis",
}
REST = "upstreams: {api: 'http://127.0.0.1:8080'}\nroutes: [{name: api, path: /api/*, upstream: api}]\n"
ALL_PAGES = [*PAGES, ROOT / "README.md", ROOT / "scripts" / "README.md"]


def _manifests() -> dict[str, dict[str, Any]]:
    (block,) = (block for block in blocks("deployment", "yaml") if "apiVersion" in block)
    return {manifest["kind"]: manifest for manifest in yaml.safe_load_all(block)}


def _seconds(text: str) -> int:
    return int(text.removesuffix("s"))


def test_file_of_the_first_five_minutes() -> None:
    """The file of the first page is good."""
    (text,) = blocks("getting-started", "yaml")
    assert [route.name for route in settings_of(text, SECRETS).routes] == ["events", "api"]


def test_two_tokens() -> None:
    """While tokens are exchanged, the file with both is good."""
    (text,) = blocks("token-rotation", "yaml")
    (principal,) = settings_of(text + REST).principals
    assert len(principal.digests) == 2


def test_configuration_in_a_cluster() -> None:
    """The ConfigMap's file is good, where what the Deployment hands over is set."""
    kinds = _manifests()
    (container,) = kinds["Deployment"]["spec"]["template"]["spec"]["containers"]
    environ = {variable["name"]: SECRETS[variable["name"]] for variable in container["env"]}
    settings = settings_of(kinds["ConfigMap"]["data"]["tentaculo.yaml"], environ)
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert ports == {"http": settings.listen.port, "admin": settings.admin.port}
    pause = int(container["lifecycle"]["preStop"]["exec"]["command"][1])
    patience = kinds["Deployment"]["spec"]["template"]["spec"]["terminationGracePeriodSeconds"]
    assert patience > pause + settings.drain.hard_cap
    assert {container[f"{name}Probe"]["httpGet"]["path"] for name in ("readiness", "liveness")} == {
        "/ready",
        "/live",
    }


def test_parts_of_a_cluster_find_each_other() -> None:
    """Everything is named alike, and selects the pods that there are."""
    kinds = _manifests()
    assert kinds.keys() == {"ConfigMap", "Deployment", "Service", "PodDisruptionBudget"}
    pod = kinds["Deployment"]["spec"]["template"]
    labels = pod["metadata"]["labels"]
    assert kinds["Service"]["spec"]["selector"] == labels
    for kind in ("Deployment", "PodDisruptionBudget"):
        assert kinds[kind]["spec"]["selector"]["matchLabels"] == labels
    (volume,), (container,) = pod["spec"]["volumes"], pod["spec"]["containers"]
    assert volume["configMap"]["name"] == kinds["ConfigMap"]["metadata"]["name"]
    assert container["volumeMounts"][0]["name"] == volume["name"]
    assert kinds["Service"]["spec"]["ports"][0]["targetPort"] in [port["name"] for port in container["ports"]]


@pytest.mark.parametrize("page", ALL_PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_are_known(page: Path) -> None:
    """Every command that a page names is one, with all of its options."""
    for name, *rest in own_commands(page.read_text(encoding="utf-8")):
        command = main.commands[name]
        with suppress(click.MissingParameter):  # one that is merely named
            command.make_context(name, rest)


def test_commands_are_looked_for() -> None:
    """Commands are found in prose and in blocks, with what stands around them left out."""
    text = '`tentaculo check FILE`, `eval "$(tentaculo issue ROUTE)"`\n\n    $ cat x 2>&1 | tentaculo tail\n'
    assert own_commands(text) == [["tail"], ["check", "name"], ["issue", "name"]]
    with pytest.raises(click.NoSuchOption):
        main.commands["check"].make_context("check", ["--dif"])


def test_hash_of_a_new_token(tmp_path: Path) -> None:
    """The first step of a rotation makes a token and its hash, as it stands there."""
    steps = typed("token-rotation")[:2]
    assert "tentaculo hash-token" in steps[1]
    script = "\n".join(steps).replace("tentaculo", f"{sys.executable} -m tentaculo")
    shown = subprocess.run(["bash", "-ec", script], cwd=tmp_path, check=True, capture_output=True, text=True)
    token = (tmp_path / "new-token").read_text().removesuffix("\n")
    assert shown.stdout == hashlib.sha256(token.encode()).hexdigest() + "\n"


def test_route_that_a_request_takes(tmp_path: Path) -> None:
    """The quick reference's way to ask for a route works on the first page's file."""
    file = tmp_path / "gateway.yaml"
    file.write_text(blocks("getting-started", "yaml")[0], encoding="utf-8")
    (match,) = (words for words in own_commands((DOCS / "operators.md").read_text()) if "--match" in words)
    words = [{"name": str(file), "GET /path": "GET /api/things"}.get(word, word) for word in match]
    words[words.index("--host") + 1] = "gateway.example.org"
    result = CliRunner().invoke(main, words, env=SECRETS)
    assert (result.exit_code, "api" in result.stdout) == (0, True)

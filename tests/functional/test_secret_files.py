"""Secrets that stand in files which the environment names, edited while the gateway runs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tentaculo.config.loader import load
from tentaculo.gateway import Gateway
from tests.fakes.upstream import ScriptedUpstream
from tests.functional.editing import REST, EditedGateway, edited, swap, write
from tests.functional.running import GOOD, OTHER_TOKEN, TOKEN, RunningGateway
from tests.functional.tokens import ADMIN_TOKEN
from tests.test_cli_tokens import run

CREDENTIAL = "credential-of-the-gateway"
NEW = "the-new-secret-of-the-test"
SECRETS = {"TOKEN": TOKEN, "ADMIN_TOKEN": ADMIN_TOKEN, "CREDENTIAL": CREDENTIAL, "STORE": "memory"}


def configuration(port: int, extra: str = "") -> str:
    """Write a file in which every secret is a reference."""
    return edited(
        port,
        REST,
        principals=("{name: operator-ui, token: '${TOKEN}'}",),
        admin_token="'${ADMIN_TOKEN}'",
        upstream="credential: {header: X-Service, value: '${CREDENTIAL}'}",
        extra=f"token_store: ${{STORE:-memory}}\n{extra}",
    )


@dataclass(frozen=True, slots=True)
class Secrets:
    """A folder with a file for each secret, and the environment that names them."""

    folder: Path

    @property
    def environ(self) -> dict[str, str]:
        """What the gateway's container would have; one file is not there at first."""
        return {f"{name}_FILE": str(self.folder / name) for name in (*SECRETS, "LATER")}

    def write(self, name: str, text: str) -> None:
        """Exchange one secret."""
        swap(self.folder / name, f"{text}\n")


class SecretGateway(EditedGateway):
    """A gateway whose secrets come from files."""

    def __init__(self, file: Path, text: str, environ: dict[str, str]) -> None:
        write(file, text)
        RunningGateway.__init__(self, text, environ)
        self.file = file
        self.gateway = Gateway(load(file, environ), load=lambda: load(file, environ), log_sink=self.logs)


@pytest.fixture
def secrets(tmp_path: Path) -> Secrets:
    """Files with the secrets, in a folder of their own."""
    made = Secrets(tmp_path / "secrets")
    made.folder.mkdir()
    for name, text in SECRETS.items():
        made.write(name, text)
    return made


@pytest.fixture
async def gateway(
    tmp_path: Path, secrets: Secrets, upstream: ScriptedUpstream
) -> AsyncIterator[SecretGateway]:
    """A gateway on them; none of the secrets may be in its log."""
    made = SecretGateway(tmp_path / "tentaculo.yaml", configuration(upstream.port), secrets.environ)
    try:
        await made.start()
        yield made
    finally:
        await made.stop()
    made.check_log()
    assert not [text for text in (TOKEN, ADMIN_TOKEN, CREDENTIAL, NEW) if text in made.logs.text]


@pytest.fixture
def no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands get these variables from the test alone."""
    for name in SECRETS:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(f"{name}_FILE", raising=False)


async def test_secrets_are_those_of_the_files(gateway: SecretGateway, upstream: ScriptedUpstream) -> None:
    """Without any of them in the environment calls, credentials and the admin API work."""
    assert (await gateway.call("/echo")).status == 200
    assert ("X-Service", CREDENTIAL) in upstream.exchanges[-1].head.fields
    assert (await gateway.reload()).status == 200


async def test_edited_token(gateway: SecretGateway, secrets: Secrets) -> None:
    """A principal's new token counts as soon as its file holds it, and the old one no more."""
    secrets.write("TOKEN", OTHER_TOKEN)
    report = await gateway.reported(1)
    assert (report["event"], report["principals_changed"]) == ("config.reloaded", ["operator-ui"])
    assert (await gateway.call("/echo")).status == 401
    assert (await gateway.call("/echo", [("X-VX11-Token", OTHER_TOKEN)])).status == 200


async def test_edited_admin_token(gateway: SecretGateway, secrets: Secrets) -> None:
    """So does the admin token, without an edit of the YAML."""
    secrets.write("ADMIN_TOKEN", NEW)
    report = await gateway.reported(1)
    assert (report["event"], report["keys_changed"]) == ("config.reloaded", ["admin_digest"])
    assert (await gateway.reload()).status == 401
    assert (await gateway.reload([("Authorization", f"Bearer {NEW}")])).status == 200


async def test_edited_credential(
    gateway: SecretGateway, secrets: Secrets, upstream: ScriptedUpstream
) -> None:
    """So does the gateway's own credential."""
    secrets.write("CREDENTIAL", NEW)
    report = await gateway.reported(1)
    assert (report["event"], report["upstreams_changed"]) == ("config.reloaded", ["backend"])
    assert (await gateway.call("/echo")).status == 200
    assert ("X-Service", NEW) in upstream.exchanges[-1].head.fields


async def test_edited_store(gateway: SecretGateway, secrets: Secrets) -> None:
    """The store is chosen at the start, so its edit is seen and said to need a restart."""
    secrets.write("STORE", f"redis://:{NEW}@127.0.0.1:1")
    assert (await gateway.reported(1))["event"] == "config.reloaded"
    assert (await gateway.logs.wait_for("config.needs_restart"))["keys"] == ["token_store"]
    assert (await gateway.call("/echo")).status == 200


async def test_bad_edit_and_its_mending(gateway: SecretGateway, secrets: Secrets) -> None:
    """What can't be used changes nothing and is told by its variable's name, until it is mended."""
    gateway.errors_expected = True
    (secrets.folder / "TOKEN").unlink()
    report = await gateway.reported(1)
    (problem,) = report["problems"]
    assert report["event"] == "config.rejected"
    assert "principals[0].token: " in problem
    assert "variable TOKEN_FILE names a file that can't be read: No such file or directory" in problem
    assert (await gateway.call("/echo", GOOD)).status == 200
    secrets.write("TOKEN", OTHER_TOKEN)
    assert (await gateway.reported(2))["event"] == "config.reloaded"
    assert (await gateway.call("/echo", [("X-VX11-Token", OTHER_TOKEN)])).status == 200


async def test_file_that_comes_after_its_reference(
    gateway: SecretGateway, secrets: Secrets, upstream: ScriptedUpstream
) -> None:
    """An edit that names a missing one is rejected, default or not, and counts once it is there."""
    gateway.errors_expected = True
    text = configuration(upstream.port, "health_path: '${LATER:-/health}'\n")
    report = await gateway.edit(text)
    assert (report["event"], len(report["problems"])) == ("config.rejected", 1)
    assert "LATER_FILE names a file that can't be read" in report["problems"][0]
    secrets.write("LATER", "/later")
    assert (await gateway.reported(2))["event"] == "config.reloaded"
    assert (await gateway.call("/later", ())).status == 200


@pytest.mark.usefixtures("no_variables")
async def test_commands_read_them_too(gateway: SecretGateway, secrets: Secrets) -> None:
    """They find the same good file; what an edit of a secret would change is told before it counts."""
    done = await run("check", gateway.file, env=secrets.environ)
    assert (done.code, done.stdout.partition(" (")[0]) == (0, f"{gateway.file}: good")
    assert (await run("routes", gateway.file, env=secrets.environ)).stdout.count("rest") == 1
    environ = dict(secrets.environ)
    for name, text in (("ADMIN_TOKEN", NEW), ("CREDENTIAL", NEW), ("STORE", f"redis://:{NEW}@h")):
        beside = secrets.folder / f"{name}.next"
        beside.write_text(text)
        environ[f"{name}_FILE"] = str(beside)
    diff = ("check", gateway.file, "--diff", "--admin", f"http://127.0.0.1:{gateway.admin_port}")
    given = {"TENTACULO_ADMIN_TOKEN": ADMIN_TOKEN}
    assert (await run(*diff, env={**secrets.environ, **given})).stdout == "nothing would change\n"
    assert (await run(*diff, env={**environ, **given})).stdout.splitlines() == [
        "~ upstream backend",
        "~ admin token",
        "! token_store (needs a restart)",
        "would end 0 streams of removed and changed routes",
    ]


@pytest.mark.usefixtures("no_variables")
async def test_commands_tell_what_is_wrong(gateway: SecretGateway, secrets: Secrets) -> None:
    """A problem names the variables and never what they hold."""
    (secrets.folder / "none").write_text("\n")
    environ = {**secrets.environ, "ADMIN_TOKEN": NEW, "CREDENTIAL_FILE": str(secrets.folder / "none")}
    done = await run("check", gateway.file, env=environ)
    assert (done.code, done.stdout) == (2, "")
    first, second, *_ = done.stderr.splitlines()
    assert "the environment variables ADMIN_TOKEN and ADMIN_TOKEN_FILE are both set; set only one" in first
    assert "the environment variable CREDENTIAL_FILE names a file that is empty" in second
    assert not [text for text in (NEW, str(secrets.folder)) if text in done.stderr]

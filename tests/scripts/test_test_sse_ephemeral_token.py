"""The five checks: both modes of config/vx11.yaml pass them, and stacks that are broken on purpose do not."""

from __future__ import annotations

import asyncio
import os
import sys
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from scripts import test_sse_ephemeral_token as script
from scripts.test_sse_ephemeral_token import CHECKS, MODES, main, read_options
from tests.fakes.gates import soon
from tests.fakes.ports import free_address

PROJECT = Path(__file__).parents[2]
TOKEN = "principal-of-the-test"
HEALTH, ISSUE, STREAM, PRINCIPAL, EXPIRY = range(1, 6)


@asynccontextmanager
async def _stack(folder: Path, short_tokens: str) -> AsyncIterator[str]:
    """Run the example on config/vx11.yaml; yields its URL."""
    listen, admin, *services = (free_address() for _ in range(7))
    names = ("MADRE", "SWITCH", "HERMES", "OPERATOR", "FRONTEND")
    environ = {
        name: value for name, value in os.environ.items() if not name.startswith(("VX11", "TENTACULO"))
    }
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "examples.vx11", "config/vx11.yaml"),
        cwd=PROJECT,
        env={
            **environ,
            "TENTACULO_LISTEN": listen,
            "TENTACULO_ADMIN": admin,
            **{f"{name}_ADDRESS": address for name, address in zip(names, services, strict=True)},
            "HERMES_DB": str(folder / "events.db"),
            "OPERATOR_SHORT_TOKENS": short_tokens,
            "VX11_TOKEN": TOKEN,
        },
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stderr is not None
        first = (await soon(process.stderr.readline(), 20)).decode()
        assert f"http://{listen}," in first, first
        yield f"http://{listen}"
    finally:
        process.kill()
        await process.communicate()


async def _check(*arguments: str) -> tuple[int | None, str]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "scripts/test_sse_ephemeral_token.py", *arguments),
        cwd=PROJECT,
        env={**os.environ, "VX11_TOKEN": TOKEN},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await soon(process.communicate(), 40)
    return process.returncode, output.decode()


async def test_both_modes_pass_all_five(tmp_path: Path) -> None:
    """One stack, checked by the operator's own tokens and by the gateway's."""
    async with _stack(tmp_path, "1") as url:
        both = [_check("--base-url", url, "--mode", mode) for mode in MODES]
        for code, output in await asyncio.gather(*both):
            lines = output.splitlines()
            assert [line[: len("1 pass: ")] for line in lines[:-1]] == [f"{n} pass: " for n in range(1, 6)]
            assert (code, lines[-1]) == (0, "5 of 5 passed")


async def test_a_stack_without_short_tokens_is_told_what_to_do(tmp_path: Path) -> None:
    """The check that can't be made so names the way that it can."""
    async with _stack(tmp_path, "") as url:
        code, output = await _check("--base-url", url)
    assert code == 1
    assert "5 FAIL: " in output
    assert "answers 404, not 200; a stack without a path" in output
    assert output.endswith("is checked with --slow\n4 of 5 passed\n")


class FakeStack:
    """A stack that does what it is told, right but for what a test changes; it remembers its tokens.

    Of the short-lived tokens every second one has expired at once.
    """

    def __init__(self) -> None:
        self.health = 200
        self.make: Callable[[], str] = lambda: str(uuid.uuid4())
        self.life = 60
        self.endpoint = "/stream"
        self.cache = "no-store"
        self.content_type = "text/event-stream"
        self.body = b"retry: 1\n\n"
        self.principal_opens = True
        self.opens = True
        self.refuses_expired = True
        self.short_life = 0
        self.short_works = True
        self.issued: list[str] = []
        self._short: list[str] = []

    def app(self) -> web.Application:
        """Return its application."""
        app = web.Application()
        app.router.add_get("/health", self._health)
        app.router.add_post("/issue", self._issue)
        app.router.add_post("/short", self._issue_short)
        app.router.add_get("/stream", self._stream)
        return app

    async def _health(self, request: web.Request) -> web.Response:
        return web.Response(status=self.health)

    async def _issue(self, request: web.Request) -> web.Response:
        return self._answer(request, self.life)

    async def _issue_short(self, request: web.Request) -> web.Response:
        answer = self._answer(request, self.short_life)
        self._short.append(self.issued[-1])
        return answer

    def _answer(self, request: web.Request, life: int) -> web.Response:
        assert request.headers["X-VX11-Token"] == TOKEN
        self.issued.append(self.make())
        body = {"sse_token": self.issued[-1], "ttl_sec": life, "endpoint": self.endpoint}
        return web.json_response(body, headers={"Cache-Control": self.cache})

    async def _stream(self, request: web.Request) -> web.Response:
        token = request.query.get("token")
        if token is None:
            good = self.principal_opens and request.headers.get("X-VX11-Token") == TOKEN
        elif token in self._short:
            good = not (self.refuses_expired and self._short.index(token) % 2) and self.short_works
        else:
            good = self.opens and token in self.issued
        return web.Response(status=200 if good else 401, body=self.body, content_type=self.content_type)


async def _checked(fake: FakeStack, monkeypatch: pytest.MonkeyPatch) -> tuple[bool, list[str]]:
    monkeypatch.setattr(script, "STILL_GOOD_SECONDS", 0)
    monkeypatch.setattr(script, "CLOCK_SECONDS", 0)
    runner = web.AppRunner(fake.app(), access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        url = "http://{}:{}".format(*runner.addresses[0])
        paths = ["--issue-path", "/issue", "--stream-path", "/stream", "--short-issue-path", "/short"]
        lines: list[str] = []
        options = read_options(["--base-url", url, *paths], {"VX11_TOKEN": TOKEN})
        return await soon(script.run(options, lines.append), 20), lines
    finally:
        await runner.cleanup()


async def test_a_stack_that_is_right_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the tests below break is good before they do."""
    passed, lines = await _checked(FakeStack(), monkeypatch)
    assert (passed, lines[-1]) == (True, f"{len(CHECKS)} of {len(CHECKS)} passed")


@pytest.mark.parametrize(
    ("changes", "failed", "said"),
    [
        ({"health": 503}, {HEALTH}, "answers 503"),
        ({"make": lambda: f"no-{uuid.uuid4()}"}, {ISSUE}, "no UUID of version 4"),
        ({"make": lambda: str(uuid.uuid1())}, {ISSUE}, "no UUID of version 4"),
        ({"life": 61}, {ISSUE}, "lives 61 s"),
        ({"endpoint": "/elsewhere"}, {ISSUE, EXPIRY}, "another path than /stream"),
        ({"cache": "public"}, {ISSUE, STREAM, EXPIRY}, "may be cached"),
        ({"opens": False}, {STREAM, EXPIRY}, "answers 401, not 200"),
        ({"principal_opens": False}, {PRINCIPAL}, "answers 401, not 200"),
        ({"content_type": "text/html"}, {STREAM, PRINCIPAL, EXPIRY}, "no event stream"),
        ({"body": b""}, {STREAM, PRINCIPAL, EXPIRY}, "ends before its first line"),
        ({"refuses_expired": False}, {EXPIRY}, "answers 200, not 401"),
        ({"short_works": False}, {EXPIRY}, "answers 401, not 200, at once"),
        ({"short_life": 60}, {EXPIRY}, "live 60 s"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
async def test_a_broken_stack_fails_the_checks_it_breaks(
    changes: dict[str, object], failed: set[int], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those fail with a reason and the others pass, and no line shows a token."""
    fake = FakeStack()
    for name, value in changes.items():
        setattr(fake, name, value)
    passed, lines = await _checked(fake, monkeypatch)
    assert not passed
    assert {int(line[0]) for line in lines[:-1] if line[2:6] == "FAIL"} == failed
    text = "\n".join(lines)
    assert said in text
    assert not [token for token in (TOKEN, *fake.issued) if token in text]


def test_nobody_there_fails_without_showing_anything(capsys: pytest.CaptureFixture[str]) -> None:
    """An unreachable stack fails all five, and the exit code is 1."""
    assert main(["--base-url", f"http://{free_address()}"], {"VX11_TOKEN": TOKEN}) == 1
    output = capsys.readouterr().out
    assert output.count("FAIL") == 5
    assert TOKEN not in output


@pytest.mark.parametrize(
    ("arguments", "environ"),
    [([], {}), (["--token-file", "/absent"], {}), (["--mode", "other"], {"VX11_TOKEN": TOKEN})],
    ids=["token", "file", "mode"],
)
def test_wrong_use_is_exit_code_2(arguments: list[str], environ: dict[str, str]) -> None:
    """Nothing is checked without a principal token."""
    with pytest.raises(SystemExit) as caught:
        main(arguments, environ)
    assert caught.value.code == 2


def test_the_token_comes_from_a_file_too(tmp_path: Path) -> None:
    """The file that was named wins over the environment, and neither is shown."""
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n")
    options = read_options(["--token-file", str(file)], {"VX11_TOKEN": "another"})
    assert (options.principal, read_options([], {"VX11_TOKEN_FILE": str(file)}).principal) == (TOKEN, TOKEN)
    assert options.credential == {"X-VX11-Token": TOKEN}
    bearer = read_options(["--header", "Authorization"], {"VX11_TOKEN": TOKEN})
    assert bearer.credential == {"Authorization": f"Bearer {TOKEN}"}
    assert TOKEN not in repr(options)

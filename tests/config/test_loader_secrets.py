"""No secret shows on the way from a file to settings or problems."""

from __future__ import annotations

import traceback
from pathlib import Path

import pytest

from tentaculo.config.tokens import digest_of
from tests.config.files import ROUTE, config, error_of, settings_of

SECRET = "Hunter2-9f8e7d6c5b4a"

# Every place of a file that can hold text, with the secret in it; one at a time.
PLANTED = {
    "token": (config(principals=f"- {{name: ui, tokn: {SECRET}}}"), {}),
    "short-token": (config(principals=f"- {{name: ui, token: [{SECRET}, {SECRET}, x]}}"), {}),
    "shared-token": (
        config(principals=f"- {{name: a, token: {SECRET}}}\n  - {{name: b, token: {SECRET}}}"),
        {},
    ),
    "digest": (config(principals=f"- {{name: ui, token_sha256: {SECRET}}}"), {}),
    "file": (config(principals=f"- {{name: ui, token_file: /{SECRET}}}"), {}),
    "key": (config(principals=f"- {{name: ui, token:{SECRET}}}"), {}),
    "bare-key": (config(principals=f"- {{name: ui, {SECRET}}}"), {}),
    "item": (config(principals=f"- {SECRET}"), {}),
    "name": (config(principals=f"- {{name: '{SECRET}!', token: {SECRET}}}"), {}),
    "userinfo": (config(upstreams=f"backend: http://user:{SECRET}@h"), {}),
    "query": (config(upstreams=f"backend: http://h?token={SECRET}"), {}),
    "credential": (
        config(upstreams=f"backend: {{servers: ['http://h'], credential: {{value: {SECRET}}}}}"),
        {},
    ),
    "credential-lines": (
        config(
            upstreams=f'backend: {{servers: ["http://h"], credential: {{header: A, value: "{SECRET}\\n"}}}}'
        ),
        {},
    ),
    "header": (
        config(f'{{name: a, path: /a, upstream: backend, request_headers: {{set: {{A: "{SECRET}\\n"}}}}}}'),
        {},
    ),
    "header-name": (
        config("{name: a, path: /a, upstream: backend, request_headers: {remove: ['${S} x']}}"),
        {"S": SECRET},
    ),
    "path": (config(f"{{name: a, path: '{SECRET}', upstream: backend}}"), {}),
    "syntax": (config(top=f"a: b: {SECRET}\n"), {}),
    "quote": (config(top=f'a: "{SECRET}\n'), {}),
    "anchor": (config(top=f"a: *{SECRET}\n"), {}),
    "tag": (config(top=f"a: !{SECRET} x\n"), {}),
    "escape": (config(top=f'a: "\\z{SECRET}"\n'), {}),
    "default": (config(top=f"admin: ${{X:-{SECRET}}}\n"), {}),
    "broken-reference": (config(top=f"admin: '${{X-{SECRET}'\n"), {}),
    **{
        f"environment-{key}": (config(top=f"{key}: ${{S}}\n"), {"S": SECRET})
        for key in (
            "listen",
            "admin",
            "health_path",
            "browser_path",
            "limits",
            "log",
            "trusted_peers",
            "drain",
        )
    },
    "environment-upstream": (config(ROUTE, "{name: b, path: /b, upstream: '${S}'}"), {"S": SECRET}),
    "environment-names": (
        config("{name: '${S}', path: /a, upstream: backend}", "{name: '${S}', path: /b, upstream: backend}"),
        {"S": SECRET},
    ),
    "store-password": (config(top=f"token_store: redis://user:{SECRET}@h:port\n"), {}),
    "store-user": (config(top=f"token_store: {{url: redis+sentinel://{SECRET}@h:port/s}}\n"), {}),
    "store-key": (config(top=f"token_store: {{redis://:{SECRET}@h: }}\n"), {}),
    "store-scheme": (config(top=f"token_store: reddis://:{SECRET}@h\n"), {}),
    "store-unescaped": (config(top=f"token_store: 'redis://:p@{SECRET}@h'\n"), {}),
    "store-with-another": (config(top=f"token_store: {{url: redis://:{SECRET}@h, timeout: 1s}}\n"), {}),
    "environment-store": (config(top="token_store: redis://:${S}/@h\n"), {"S": SECRET}),
    "admin-token": (config(top=f"admin: {{address: x, token: {SECRET}}}\n"), {}),
    "admin-token-key": (config(top=f"admin: {{address: 'h:1', tokn: {SECRET}}}\n"), {}),
    "admin-spaced-token": (config(top=f"admin: {{address: 'h:1', token: '{SECRET} '}}\n"), {}),
    **{
        f"environment-{key}": (
            config(
                "{name: a, path: /a, upstream: backend, access: ephemeral-token, stream: {}, "
                f"ephemeral_token: {{issue_path: /t, {key}: '${{S}}'}}}}"
            ),
            {"S": SECRET},
        )
        for key in ("ttl", "reuse", "carry", "parameter", "same_site", "principal_in_query")
    },
    "environment-issue-path": (
        config(
            *(
                f"{{name: {name}, path: /{name}, upstream: backend, access: ephemeral-token, stream: {{}}, "
                f"ephemeral_token: {{issue_path: '/${{S}}', ttl: {ttl}}}}}"
                for name, ttl in (("a", "1s"), ("b", "2s"))
            ),
            top="health_path: /${S}\n",
        ),
        {"S": SECRET},
    ),
    "environment-origin": (
        config("{name: a, path: /a, upstream: backend, cors: {origins: ['https://u:${S}@h']}}"),
        {"S": SECRET},
    ),
    "environment-rate": (
        config(principals="- {name: ui, token: token-of-the-ui, issue_rate: {rate: '${S}'}}"),
        {"S": SECRET},
    ),
    "environment-access": (config("{name: a, path: /a, upstream: backend, access: '${S}'}"), {"S": SECRET}),
    "environment-glob": (
        config(ROUTE, principals="- {name: ui, token: token-of-the-ui, routes: ['${S}', '*']}"),
        {"S": SECRET},
    ),
}


# The same from files, with the variables' own texts and with their files' names as secrets.
PLANTED_IN_VARIABLES = {name: text for name, (text, environ) in PLANTED.items() if environ}


def _check(text: str, environ: dict[str, str]) -> None:
    error = error_of(text, environ)
    frames = traceback.TracebackException.from_exception(error)
    shown = [str(error), repr(error), repr(error.problems), repr(error.args), "".join(frames.format())]
    assert error.problems
    assert not [text for text in shown if SECRET in text]
    assert error.__context__ is None


@pytest.mark.parametrize(("text", "environ"), PLANTED.values(), ids=PLANTED)
def test_planted_secret_never_shows(text: str, environ: dict[str, str]) -> None:
    """A secret in any place of a bad file is in no problem, no repr and no traceback."""
    _check(text, environ)


@pytest.mark.parametrize("text", PLANTED_IN_VARIABLES.values(), ids=PLANTED_IN_VARIABLES)
def test_secret_of_a_file_never_shows(text: str, tmp_path: Path) -> None:
    """Nor is one that a file holds, whatever it is used for and whether it is good text or not."""
    file = tmp_path / "secret"
    for content in (SECRET, f"{SECRET}\n\n", f"{SECRET}\0", f"{SECRET}\udcff"):
        file.write_bytes(content.encode("utf-8", "surrogateescape"))
        _check(text, {"S_FILE": str(file)})
    _check(text, {"S_FILE": str(file), "S": SECRET})
    _check(text, {"S_FILE": f"/{SECRET}"})


@pytest.mark.parametrize("way", ["environment", "file"])
def test_secret_of_a_good_file_is_in_no_repr(way: str, tmp_path: Path) -> None:
    """Settings can be printed."""
    file = tmp_path / "secret"
    file.write_text(SECRET)
    environ = {"S_FILE": str(file)} if way == "file" else {"S": SECRET}
    upstream = "backend: {servers: ['http://h'], credential: {header: A, value: '${S}'}}"
    settings = settings_of(config(principals="- {name: ui, token: ${S}}", upstreams=upstream), environ)
    assert SECRET not in repr(settings)
    credential = settings.upstreams[0].credential
    assert credential is not None
    assert credential.value.reveal() == SECRET


@pytest.mark.parametrize(
    "store",
    [
        "redis://USER:PASSWORD@h:6379/0",
        "{url: 'rediss+cluster://USER:PASSWORD@h:6379'}",
        "redis+sentinel://USER:PASSWORD@h:26379/service/0",
        "unix://USER:PASSWORD@/run/redis.sock",
    ],
    ids=["short", "long", "sentinel", "socket"],
)
def test_store_and_admin_token_are_in_no_repr(store: str) -> None:
    """Neither the user and password of a Redis nor the admin token shows, and both can be read."""
    user, admin = f"user-{SECRET[::-1]}", f"admin-{SECRET}"
    url = store.replace("USER", user).replace("PASSWORD", SECRET)
    text = config(top=f"token_store: {url}\nadmin: {{address: '127.0.0.1:1', token: '${{A}}'}}\n")
    settings = settings_of(text, {"A": admin})
    for shown in (repr(settings), str(settings), f"{settings.token_store} {settings.admin_digest!r}"):
        assert not [secret for secret in (SECRET, user, admin, "redis") if secret in shown]
    assert settings.token_store.url is not None
    assert f"{user}:{SECRET}@" in settings.token_store.url.reveal()
    assert settings.admin_digest == digest_of(admin)

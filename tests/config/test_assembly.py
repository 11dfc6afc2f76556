"""From sections to settings."""

from __future__ import annotations

from ipaddress import ip_network
from pathlib import Path

import pytest

from tentaculo.config.assembly import present
from tentaculo.config.file_marks import FileMark
from tentaculo.config.settings import (
    Access,
    Address,
    Balance,
    BreakerSettings,
    DrainSettings,
    HeaderEdits,
    HealthCheckSettings,
    Limits,
    LogSettings,
    MaintenanceSettings,
    Rate,
    RateLimitSettings,
    RatePer,
    RetrySettings,
    Rewrite,
    RouteSettings,
    Secret,
    Server,
    Settings,
    StreamSettings,
    Timeouts,
    TlsCertificate,
    TlsSettings,
    TokenStoreSettings,
    UpstreamCredential,
    UpstreamLimits,
    UpstreamSettings,
)
from tentaculo.config.tokens import digest_of
from tests.config.files import SOURCE, config, settings_of
from tests.config.pem import make_pair

EVERY_KEY = """
listen: 127.0.0.1:8080
admin: {address: "[::1]:9101", token: the-admin-token}
token_store: {url: "rediss://user:s3cret@redis:6380/1", timeout: 200ms, max_tokens: 12}
trusted_peers: [10.0.0.0/8]
credential_headers: [X-Token, Authorization]
identity_header: X-Who
health_path: /alive
browser_path: /own/files
log: {level: debug, format: json, sanitize: [pin], file: /dev/null}
limits: {connections: 1, streams: 2, connections_per_client: 3, request_line: 4KiB, header: 5KiB,
         headers: 6KiB, body: 7KiB, header_timeout: 8s, body_timeout: 9s, write_timeout: 10s, keep_alive: 11s}
drain: {time: 1m, hard_cap: 2m}
principals:
  - {name: ui, token: token-of-the-ui, routes: [o*, three, four], max_streams: 5,
     issue_rate: {rate: 30/m, burst: 7}}
upstreams:
  plain: http://h
  full:
    servers: [{url: "https://h:8443", weight: 3}, https://i]
    balance: client_hash
    health_check: {path: /up, interval: 1s, timeout: 2s, down_after: 3, up_after: 4}
    timeouts: {connect: 1s, response: 2s, idle: 3s, keep_alive: 4s}
    limits: {connections: 1, exchanges: 2}
    retries: {attempts: 3, budget: 12.5%, wait: 6s}
    breaker: {faults: 4, open_for: 5s}
    tls: {server_name: reports, verify: false}
    credential: {header: X-Service, value: s3cret}
routes:
  - name: one
    path: /one/{id}/*
    host: A.example.org
    methods: [GET, POST]
    upstream: full
    enabled: no
    rewrite: {replace: [/one, /]}
    request_headers: {set: {X-Env: prod, Host: h}, remove: [Cookie]}
    response_headers: {set: {X-By: me}, remove: [Server]}
    forward_credential: true
    timeouts: {response: 500ms}
    allow_in_path: ["%2F", ";"]
    credential_headers: [X-Own]
    rate_limit: {rate: 60/m, burst: 5, per: route}
    maintenance: {status: 418, body: "Back at ten."}
  - name: two
    path: /two
    upstream: plain
    access: upstream
    stream: {}
    rewrite: {strip: /two}
  - name: three
    path: /three
    upstream: full
    access: ephemeral-token
    stream: {max_age: 1h, unavailable: retry, last_event: false}
    ephemeral_token: {issue_path: "/t%6fken", ttl: 30s, reuse: resume, carry: cookie, resume_grace: 5s,
                      resume_max_age: 2h, max_streams_per_token: 3, bind_client: true,
                      principal_in_query: deny, same_site: none}
    cors: {origins: ["HTTPS://App.example.org:443", "http://localhost:3000"], credentials: true}
  - name: four
    path: /four
    upstream: plain
    stream: {heartbeat: 1m, idle_timeout: 2m, max_age: null, retry: 1500ms, shared: true,
             replay: {events: 5, bytes: 6KiB, age: 7s}, vary: [Accept-Language, X-Who], assign_ids: true,
             slow_client: 8KiB, max_streams: 2, max_streams_per_principal: 2, max_streams_per_client: 1,
             unavailable: error, last_event: true}
"""


def test_every_key_arrives() -> None:
    """Each key of the file is found in the settings, in their units."""
    settings = settings_of(EVERY_KEY)
    assert settings.listen == Address("127.0.0.1", 8080)
    assert settings.admin == Address("::1", 9101)
    assert settings.admin_digest == digest_of("the-admin-token")
    assert settings.token_store == TokenStoreSettings(
        url=Secret("rediss://user:s3cret@redis:6380/1"), timeout=0.2, max_tokens=12
    )
    assert settings.trusted_peers == (ip_network("10.0.0.0/8"),)
    assert settings.credential_headers == ("X-Token", "Authorization")
    assert (settings.identity_header, settings.health_path) == ("X-Who", "/alive")
    assert settings.browser_path == "/own/files"
    assert settings.log == LogSettings(
        level="debug", format="json", sanitize=("pin",), file=Path("/dev/null")
    )
    assert settings.limits == Limits(
        connections=1,
        streams=2,
        connections_per_client=3,
        request_line=4096,
        header=5120,
        headers=6144,
        body=7168,
        header_timeout=8.0,
        body_timeout=9.0,
        write_timeout=10.0,
        keep_alive=11.0,
    )
    assert settings.drain == DrainSettings(time=60.0, hard_cap=120.0)
    (principal,) = settings.principals
    assert (principal.name, principal.routes) == ("ui", ("o*", "three", "four"))
    assert principal.max_streams == 5
    assert principal.issue_rate == Rate(rate=0.5, burst=7)


def test_upstreams_arrive() -> None:
    """The short form has every default, the long one what was given."""
    plain, full = settings_of(EVERY_KEY).upstreams
    assert plain == UpstreamSettings(name="plain", servers=(Server("http", "h", 80),))
    assert full == UpstreamSettings(
        name="full",
        servers=(Server("https", "h", 8443, weight=3), Server("https", "i", 443)),
        balance=Balance.CLIENT_HASH,
        health_check=HealthCheckSettings(path="/up", interval=1.0, timeout=2.0, down_after=3, up_after=4),
        timeouts=Timeouts(connect=1.0, response=2.0, idle=3.0, keep_alive=4.0),
        limits=UpstreamLimits(connections=1, exchanges=2),
        retries=RetrySettings(attempts=3, budget=0.125, wait=6.0),
        breaker=BreakerSettings(faults=4, open_for=5.0),
        tls=TlsSettings(server_name="reports", verify=False),
        credential=UpstreamCredential("X-Service", Secret("s3cret")),
    )


def test_routes_arrive() -> None:
    """A route overrides its upstream's timeouts and the file's credential headers, and inherits them else."""
    one, two, *_ = settings_of(EVERY_KEY).routes
    assert one == RouteSettings(
        name="one",
        path="/one/{id}/*",
        upstream="full",
        host="a.example.org",
        methods=frozenset({"GET", "POST"}),
        enabled=False,
        rewrite=Rewrite("/one", "/"),
        request_headers=HeaderEdits(set=(("X-Env", "prod"), ("Host", "h")), remove=("Cookie",)),
        response_headers=HeaderEdits(set=(("X-By", "me"),), remove=("Server",)),
        forward_credential=True,
        timeouts=Timeouts(connect=1.0, response=0.5, idle=3.0, keep_alive=4.0),
        allow_in_path=frozenset({"%2f", ";"}),
        credential_headers=("X-Own",),
        rate_limit=RateLimitSettings(rate=Rate(rate=1.0, burst=5), per=RatePer.ROUTE),
        maintenance=MaintenanceSettings(status=418, body="Back at ten."),
    )
    assert two == RouteSettings(
        name="two",
        path="/two",
        upstream="plain",
        access=Access.UPSTREAM,
        stream=StreamSettings(heartbeat=15.0),
        rewrite=Rewrite("/two", ""),
        credential_headers=("X-Token", "Authorization"),
    )
    assert two.stream_only


@pytest.mark.parametrize(
    ("rate", "made"),
    [
        ("{rate: 50/s}", Rate(rate=50.0, burst=50)),
        ("{rate: 2.5/s}", Rate(rate=2.5, burst=3)),
        ("{rate: 6/m}", Rate(rate=0.1, burst=1)),
        ("{rate: 6/m, burst: 9}", Rate(rate=0.1, burst=9)),
        ("", Rate(rate=50.0, burst=100)),
    ],
    ids=["second", "rounded-up", "slow", "burst", "default"],
)
def test_burst_is_at_least_that_of_a_second(rate: str, made: Rate) -> None:
    """Without a burst, as many at once as in a second, and always one."""
    principal = f"- {{name: ui, token: token-of-the-ui, issue_rate: {rate}}}"
    (found,) = settings_of(config(principals=principal)).principals
    assert found.issue_rate == made


@pytest.mark.parametrize(
    ("store", "made"),
    [
        ("memory", TokenStoreSettings()),
        ("", TokenStoreSettings()),
        ("{url: memory, max_tokens: 5}", TokenStoreSettings(max_tokens=5)),
        ("{timeout: 400ms}", TokenStoreSettings(timeout=0.4)),
        ("redis://h", TokenStoreSettings(url=Secret("redis://h"))),
        ("unix:///run/redis.sock", TokenStoreSettings(url=Secret("unix:///run/redis.sock"))),
        ("${STORE:-memory}", TokenStoreSettings()),
    ],
    ids=["memory", "nothing", "long-memory", "no-url", "redis", "socket", "environment"],
)
def test_memory_is_no_url(store: str, made: TokenStoreSettings) -> None:
    """The store is in memory unless a URL is given."""
    assert settings_of(config(top=f"token_store: {store}\n")).token_store == made


def test_defaults_are_those_of_the_settings() -> None:
    """A file without options has the defaults of the settings and nothing else."""
    found = settings_of(config())
    assert found == Settings(
        principals=found.principals,
        upstreams=found.upstreams,
        routes=found.routes,
        files=(FileMark(SOURCE.absolute()),),
    )
    assert found.routes == (RouteSettings(name="api", path="/api/*", upstream="backend"),)


@pytest.mark.parametrize(
    "key",
    [
        "limits",
        "log",
        "listen",
        "credential_headers",
        "identity_header",
        "trusted_peers",
        "token_store",
        "drain",
    ],
)
def test_nothing_means_the_default(key: str) -> None:
    """A key without a value is as if it were not there."""
    assert settings_of(config(top=f"{key}:\n")) == settings_of(config())


@pytest.mark.parametrize(
    ("access", "per"),
    [
        ("header-token", RatePer.PRINCIPAL),
        ("ephemeral-token, stream: {}, ephemeral_token: {issue_path: /t}", RatePer.PRINCIPAL),
        ("upstream, stream: {}", RatePer.CLIENT),
        ("public", RatePer.CLIENT),
    ],
    ids=["header-token", "ephemeral-token", "upstream", "public"],
)
def test_rate_is_counted_by_principal_or_client(access: str, per: RatePer) -> None:
    """Where nothing is said, calls of a principal count together, or of an address where none is known."""
    route = f"{{name: a, path: /a, upstream: backend, access: {access}, rate_limit: {{rate: 2/s}}}}"
    (found,) = settings_of(config(route)).routes
    assert found.rate_limit == RateLimitSettings(rate=Rate(rate=2.0, burst=2), per=per)


def test_maintenance_without_options() -> None:
    """It is on by being there."""
    (found,) = settings_of(config("{name: a, path: /a, upstream: backend, maintenance: {}}")).routes
    assert found.maintenance == MaintenanceSettings()


def test_certificates_arrive(tmp_path: Path) -> None:
    """Their files are found beside the configuration, in the order of the list."""
    for name in ("a", "b"):
        make_pair(tmp_path, name)
    pairs = "{certificate: b.pem, key: b.key}, {certificate: a.pem, key: a.key}"
    text = config(top=f"listen: {{address: '127.0.0.1:0', tls: [{pairs}]}}\n")
    assert settings_of(text, source=tmp_path / "t.yaml").tls == tuple(
        TlsCertificate(tmp_path / f"{name}.pem", tmp_path / f"{name}.key") for name in ("b", "a")
    )


def test_missing_key_is_no_setting() -> None:
    """A required key that got past the rules is a fault of the program, not of the file."""
    with pytest.raises(ValueError, match="no rule has said so"):
        present(None)

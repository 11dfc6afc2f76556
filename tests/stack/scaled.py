"""A stack with two gateways behind nginx: asked through nginx or directly, and a gateway of it replaced.

Their configuration is a copy with limits that a test can reach, and with principals of the tests.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from tests.fakes.ports import free_port
from tests.stack.stack import COMPOSE, ROOT, SERVICES, Stack, run

SCALED = COMPOSE.with_name("compose.scaled.yaml")
GATEWAYS = ("tentaculo_link", "tentaculo_link_2")
BURST = 40
LIMITED_PATH = "/limited/health"
PRINCIPALS = {"guest": "token-of-a-guest", "leaver": "token-of-a-leaver"}

_MORE_PRINCIPALS = "".join(
    f"  - {{name: {name}, token: {token}, issue_rate: {{rate: 1/h, burst: {BURST}}}}}\n"
    for name, token in PRINCIPALS.items()
)
_LIMITED = f"""  - name: limited
    path: {LIMITED_PATH}
    upstream: operator
    rewrite: {{strip: /limited}}
    rate_limit: {{rate: 1/h, burst: {BURST}}}
"""
_SECOND = """services:
  tentaculo_link: {{volumes: ["{config}:/etc/tentaculo:ro"]}}
  tentaculo_link_2:
    volumes: ["{config}:/etc/tentaculo:ro"]
    ports: ["127.0.0.1:{port}:8000"]
    networks: [published]
volumes:
  # Redis waits for its disk, and no disk of a machine that is busy with other things is part of these tests.
  bus: {{driver_opts: {{type: tmpfs, device: tmpfs, o: "uid=65532,gid=65532"}}}}
"""


class ScaledStack(Stack):
    """The seven services, a second gateway and nginx; `base_url` is nginx's."""

    services = (*SERVICES, "tentaculo_link_2", "nginx")

    def __init__(self, project: str, folder: Path) -> None:
        self.nginx_port, self._second_port = free_port(), free_port()
        config = folder / "config"
        shutil.copytree(ROOT / "config", config)
        _limit(config / "vx11.yaml")
        run(["chmod", "-R", "a+rX", str(folder)], {})  # users of containers read it
        own = folder / "compose.own.yaml"
        own.write_text(_SECOND.format(config=config, port=self._second_port), encoding="utf-8")
        environ = {
            "VX11_PUBLISH_SCALED": f"127.0.0.1:{self.nginx_port}",
            # A network that no other stack of this machine has.
            "VX11_EDGE": f"10.{self.nginx_port >> 8}.{self.nginx_port & 255}",
        }
        super().__init__(project, COMPOSE, SCALED, own, environ=environ)

    @property
    def base_url(self) -> str:
        """Where nginx is."""
        return f"http://127.0.0.1:{self.nginx_port}"

    @property
    def gateway_urls(self) -> tuple[str, str]:
        """Where each gateway is by itself."""
        return super().base_url, f"http://127.0.0.1:{self._second_port}"

    def nginx_log(self) -> str:
        """Return all that nginx has logged."""
        return self.run("logs", "--no-color", "nginx")

    async def revoke(self, principal: str, *options: str) -> None:
        """Revoke a principal's tokens, at the first gateway."""
        admin = ("--admin", "http://127.0.0.1:9100", "--admin-token-file", "/run/secrets/admin/token")
        await self.runs("exec", "-T", GATEWAYS[0], "tentaculo", "revoke", principal, *options, *admin)

    async def replace(self, gateway: str) -> None:
        """Put a new container in the place of a gateway, and return when it is healthy."""
        await self.runs("up", "--detach", "--no-build", "--no-deps", "--force-recreate", gateway)
        await self.becomes_healthy()


def _limit(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    text = re.sub(r"(?m)^principals:\n", lambda found: found[0] + _MORE_PRINCIPALS, text)
    text = re.sub(r"(?m)^routes:\n", lambda found: found[0] + _LIMITED, text)
    text = re.sub(r"(?m)^token_store: (.*)$", r"token_store: {url: \1, timeout: 400ms}", text)
    if "trusted_peers" not in text:
        text += '\ntrusted_peers: ["${VX11_TRUSTED_PEERS}"]\n'
    file.write_text(text, encoding="utf-8")

"""Postern as a subject: its gateway, and its agent with one open port."""

import os
import shutil
import subprocess
from pathlib import Path

from side import Side, wait_for
from subjects import Subject

CONNECT = b"CONNECT bench:5432 HTTP/1.1\r\nHost: bench:5432\r\n\r\n"


class Postern(Subject):
    name = "postern"
    is_peer = False
    greeting = CONNECT
    binaries = Path()
    gateway_program = "postern-gateway"
    service, mode = "bench", "--passthrough"
    protocol = "tcp"
    rules, revoked, durability, warm = 1, 0, "write", None

    def gateway_command(self, port: int) -> list[str]:
        shutil.copy(self.pki.crl(self.revoked), self.folder / "user.crl")
        more_rules = "".join(f'[[rule]]\nservices = ["{self.service}"]\nusers = ["user{i}"]\n' for i in range(self.rules - 1))
        return [f"{self.binaries}/{self.gateway_program}", "serve", "--config", self.write("gateway.toml", f"""
[gateway]
name = "gw1"
listen = ["127.0.0.1:{port}"]
[tls]
certificate = "{self.pki / 'gateway-chain.pem'}"
key = "{self.pki / 'gateway.key'}"
user_ca = "{self.pki / 'user-ca.pem'}"
[ca]
url = "https://127.0.0.1:9"
server_ca = "{self.pki / 'server-ca.pem'}"
trust_domain = "bench.test"
crl_file = "user.crl"
crl_refresh = "1h"
[limits]
connections_per_identity = 16384
connections_per_address = 16384
connections_per_identity_per_minute = 1000000
connections_per_service = 16384
connections_per_service_and_identity = 16384
[audit]
file = "audit.jsonl"
key = "audit.key"
durability = "{self.durability}"
[[service]]
name = "{self.service}"
backend = "127.0.0.1:{self.backend}"
protocol = "{self.protocol}"
{more_rules}
[[rule]]
services = ["{self.service}"]
groups = ["analysts"]
""")]

    def start_client(self, gateway: int) -> Side:
        """The agent itself, not a command that would start one out of sight; then a command that opens the port."""
        environment = {f"XDG_{what}": str(self.folder) for what in ("STATE_HOME", "CONFIG_HOME", "RUNTIME_DIR")}
        program = f"{self.binaries}/postern"

        def open_port(process: subprocess.Popen, log: Path) -> None:
            wait_for((self.folder / "postern" / "agent.sock").exists, process, log)
            command = [program, "connect", "--background", self.mode, f"{self.service}:{self.port}", "--json",
                       "--cert", self.pki / "login-chain.pem", "--key", self.pki / "login.key",
                       "--server-ca", self.pki / "server-ca.pem", "--trust-domain", "bench.test",
                       "--gateway", f"gw1=127.0.0.1:{gateway}", "--unsafe-any-local-user", *self.warm_words()]
            subprocess.run([word for word in command if word], check=True, capture_output=True, timeout=30,
                           env={**os.environ, **environment})

        return Side([program, "agent"], self.folder, "client", self.port, environment=environment, open_port=open_port)

    def warm_words(self) -> list[str]:
        return [] if self.warm is None else ["--warm", str(self.warm)]

    def records(self) -> int:
        log = self.folder / "audit.jsonl"
        return log.read_bytes().count(b"\n") if log.exists() else 0


class PosternCold(Postern):
    """Nothing warm: every connection waits for a handshake of its own."""

    name = "postern, nothing warm"
    warm = 0


class PosternDatabase(Postern):
    """Pass-through in front of PostgreSQL."""

    service, protocol = "pg", "postgres"


class PosternEndToEnd(PosternDatabase):
    """TLS with PostgreSQL inside the tunnel."""

    name = "postern, end to end"
    mode = ""


class PosternSynced(PosternCold):
    name = "postern, each record fsynced"
    durability = "sync"


class PosternUnaudited(PosternCold):
    """A build for this comparison alone, whose audit log takes every record and writes none: the product cannot be told to."""

    name = "postern, no audit"
    gateway_program = "postern-gateway-unaudited"


def variant(label: str, **settings) -> type[Postern]:
    return type("PosternVariant", (PosternCold,), {"name": f"postern, {label}", **settings})

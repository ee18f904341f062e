"""What is measured: each subject is a pair of processes, plain in, mutual TLS 1.3 between, plain out. All of them show and verify
the same certificates and speak the same cipher suite."""

import contextlib
import os
import shutil
import signal
import socket
import ssl
import subprocess
import time
from pathlib import Path

from pki import Pki

SUITE = "TLS_AES_128_GCM_SHA256"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for_port(port: int, process: subprocess.Popen, log: Path) -> None:
    for _ in range(600):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        if process.poll() is not None:
            break
        time.sleep(0.05)
    raise RuntimeError(f"a subject did not start; its log:\n{log.read_text()}")


class Side:
    """One of the two halves: a process and its children."""

    def __init__(self, command: list[str], folder: Path, name: str, port: int, ends_threads: bool):
        self.ends_threads = ends_threads
        self.log = folder / f"{name}.log"
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=self.log.open("w"),
                                        stderr=subprocess.STDOUT, cwd=folder, start_new_session=True)
        self.port = port
        wait_for_port(port, self.process, self.log)

    def pids(self) -> list[int]:
        found = [self.process.pid]
        for pid in found:
            for task in Path(f"/proc/{pid}/task").glob("*/children"):
                found += [int(child) for child in task.read_text().split()]
        return found

    def cpu_seconds(self) -> float:
        """To the nanosecond where threads stay; to a hundredth of a second where each connection is a thread that ends."""
        if self.ends_threads:
            times = [Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split() for pid in self.pids()]
            return sum(int(time[11]) + int(time[12]) for time in times) / os.sysconf("SC_CLK_TCK")
        total = 0
        for pid in self.pids():
            for task in Path(f"/proc/{pid}/task").glob("*/schedstat"):
                total += int(task.read_text().split()[0])
        return total / 1e9

    def pss_kib(self) -> int:
        total = 0
        for pid in self.pids():
            for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1])
        return total

    def pin(self, cores: set[int]) -> None:
        for pid in self.pids():
            for task in os.listdir(f"/proc/{pid}/task"):
                with contextlib.suppress(ProcessLookupError):
                    os.sched_setaffinity(int(task), cores)

    def stop(self) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGTERM)
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()


class Subject:
    """A running pair. `port` takes plain connections."""

    name = "?"
    is_peer = True
    ends_threads = False

    def __init__(self, folder: Path, pki: Pki, backend: int, resumes: bool = False, line=None):
        """`resumes`: with session tickets where the subject has them. `line(port)`: what the client side dials instead of
        the gateway's port."""
        self.folder, self.pki, self.backend, self.resumes = folder, pki, backend, resumes
        folder.mkdir(parents=True)
        folder.chmod(0o755)
        self.port, gateway_port = free_port(), free_port()
        self.gateway = Side(self.gateway_command(gateway_port), folder, "gateway", gateway_port, self.ends_threads)
        try:
            self.dialled = line(gateway_port) if line else gateway_port
            self.client = Side(self.client_command(self.port, self.dialled), folder, "client", self.port, self.ends_threads)
        except Exception:
            self.gateway.stop()
            raise

    def stop(self) -> None:
        self.client.stop()
        self.gateway.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def write(self, name: str, text: str) -> str:
        path = self.folder / name
        path.write_text(text)
        return str(path)

    def gateway_command(self, port: int) -> list[str]:
        raise NotImplementedError

    def client_command(self, port: int, gateway: int) -> list[str]:
        raise NotImplementedError


class Direct:
    """No proxy at all: the load generator and the backend."""

    name = "direct"
    is_peer = False
    gateway = client = None

    def __init__(self, folder: Path, pki: Pki, backend: int, resumes: bool = False, line=None):
        self.port = line(backend) if line else backend

    def stop(self) -> None:
        pass


class Postern(Subject):
    name = "postern"
    is_peer = False
    binaries = ""
    service, mode = "bench", "--passthrough"
    protocol = "tcp"
    rules, revoked, durability, warm = 1, 0, "write", None

    def gateway_command(self, port: int) -> list[str]:
        shutil.copy(self.pki.crl(self.revoked), self.folder / "user.crl")
        more_rules = "".join(f'[[rule]]\nservices = ["{self.service}"]\nusers = ["user{i}"]\n' for i in range(self.rules - 1))
        return [f"{self.binaries}/postern-gateway", "serve", "--config", self.write("gateway.toml", f"""
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

    def client_command(self, port: int, gateway: int) -> list[str]:
        command = ["env", f"XDG_STATE_HOME={self.folder}", f"XDG_CONFIG_HOME={self.folder}", f"XDG_RUNTIME_DIR={self.folder}",
                   f"{self.binaries}/postern", "connect", self.mode, f"{self.service}:{port}", "--json",
                   "--cert", self.pki / "login-chain.pem", "--key", self.pki / "login.key",
                   "--server-ca", self.pki / "server-ca.pem", "--trust-domain", "bench.test",
                   "--gateway", f"gw1=127.0.0.1:{gateway}", "--unsafe-any-local-user"]
        if self.warm is not None and self.knows_warm_tunnels():
            command += ["--warm", str(self.warm)]
        return [word for word in command if word]

    def knows_warm_tunnels(self) -> bool:
        told = subprocess.run([f"{self.binaries}/postern", "connect", "--help"], capture_output=True, text=True)
        return "--warm" in told.stdout


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


class Nginx(Subject):
    name = "nginx"

    def gateway_command(self, port: int) -> list[str]:
        return self._nginx("gateway", f"""
    server {{
        listen 127.0.0.1:{port} ssl;
        proxy_pass 127.0.0.1:{self.backend};
        ssl_certificate {self.pki / 'gateway-chain.pem'};
        ssl_certificate_key {self.pki / 'gateway.key'};
        ssl_client_certificate {self.pki / 'user-ca.pem'};
        ssl_verify_client on;
        ssl_verify_depth 3;
        ssl_protocols TLSv1.3;
        ssl_conf_command Ciphersuites {SUITE};
        ssl_session_tickets {'on' if self.resumes else 'off'};
        ssl_session_cache {'shared:bench:4m' if self.resumes else 'off'};
    }}""")

    def client_command(self, port: int, gateway: int) -> list[str]:
        return self._nginx("client", f"""
    server {{
        listen 127.0.0.1:{port};
        proxy_pass 127.0.0.1:{gateway};
        proxy_ssl on;
        proxy_ssl_protocols TLSv1.3;
        proxy_ssl_conf_command Ciphersuites {SUITE};
        proxy_ssl_certificate {self.pki / 'login-chain.pem'};
        proxy_ssl_certificate_key {self.pki / 'login.key'};
        proxy_ssl_trusted_certificate {self.pki / 'server-ca.pem'};
        proxy_ssl_verify on;
        proxy_ssl_verify_depth 3;
        proxy_ssl_name localhost;
        proxy_ssl_session_reuse {'on' if self.resumes else 'off'};
    }}""")

    def _nginx(self, name: str, server: str) -> list[str]:
        return ["nginx", "-e", "stderr", "-p", str(self.folder), "-c", self.write(f"{name}.conf", f"""
load_module /usr/lib/nginx/modules/ngx_stream_module.so;
user root;
daemon off;
worker_processes auto;
worker_rlimit_nofile 65536;
pid {self.folder}/{name}.pid;
error_log stderr error;
events {{ worker_connections 30000; }}
stream {{
    tcp_nodelay on;{server}
}}
""")]


class Haproxy(Subject):
    name = "haproxy"

    def gateway_command(self, port: int) -> list[str]:
        tickets = "" if self.resumes else " no-tls-tickets"
        return self._haproxy("gateway", f"""
listen bench
    bind 127.0.0.1:{port} ssl crt {self.pki / 'gateway-both.pem'} ca-file {self.pki / 'user-ca.pem'} verify required ssl-min-ver TLSv1.3 ciphersuites {SUITE}{tickets}
    server backend 127.0.0.1:{self.backend}
""")

    def client_command(self, port: int, gateway: int) -> list[str]:
        reuse = "" if self.resumes else " no-ssl-reuse"
        return self._haproxy("client", f"""
listen bench
    bind 127.0.0.1:{port}
    server gateway 127.0.0.1:{gateway} ssl crt {self.pki / 'login-both.pem'} ca-file {self.pki / 'server-ca.pem'} verify required verifyhost localhost ssl-min-ver TLSv1.3 ciphersuites {SUITE}{reuse}
""")

    def _haproxy(self, name: str, listen: str) -> list[str]:
        return ["haproxy", "-db", "-f", self.write(f"{name}.cfg", f"""
global
    maxconn 8000
    tune.ssl.cachesize {'20000' if self.resumes else '0'}
defaults
    mode tcp
    maxconn 8000
    backlog 4096
    timeout connect 10s
    timeout client 1h
    timeout server 1h
{listen}""")]


class Hitch(Haproxy):
    """As a gateway, behind HAProxy as its client."""

    name = "hitch"

    def gateway_command(self, port: int) -> list[str]:
        return ["hitch", "--config", self.write("hitch.conf", f"""
frontend = "[127.0.0.1]:{port}"
backend = "[127.0.0.1]:{self.backend}"
pem-file = "{self.pki / 'gateway-both.pem'}"
client-verify = required
client-verify-ca = "{self.pki / 'user-ca.pem'}"
tls-protos = TLSv1.3
ciphersuites = "{SUITE}"
workers = 2
backlog = 4096
keepalive = 3600
daemon = off
user = "root"
quiet = on
""")]


class Stunnel(Subject):
    name = "stunnel"
    ends_threads = True

    def gateway_command(self, port: int) -> list[str]:
        return self._stunnel("gateway", f"""
accept = 127.0.0.1:{port}
connect = 127.0.0.1:{self.backend}
cert = {self.pki / 'gateway-chain.pem'}
key = {self.pki / 'gateway.key'}
CAfile = {self.pki / 'user-ca.pem'}
verifyChain = yes
requireCert = yes""")

    def client_command(self, port: int, gateway: int) -> list[str]:
        return self._stunnel("client", f"""
client = yes
accept = 127.0.0.1:{port}
connect = 127.0.0.1:{gateway}
cert = {self.pki / 'login-chain.pem'}
key = {self.pki / 'login.key'}
CAfile = {self.pki / 'server-ca.pem'}
verifyChain = yes
checkHost = localhost""")

    def _stunnel(self, name: str, service: str) -> list[str]:
        return ["stunnel4", self.write(f"{name}.conf", f"""
foreground = yes
pid =
debug = err
socket = l:TCP_NODELAY=1
socket = r:TCP_NODELAY=1
[bench]
sslVersionMin = TLSv1.3
ciphersuites = {SUITE}
sessionResume = {'yes' if self.resumes else 'no'}
TIMEOUTclose = 0
TIMEOUTidle = 3600{service}
""")]


class Ghostunnel(Subject):
    """Go chooses the suite and resumes nothing here."""

    name = "ghostunnel"

    def gateway_command(self, port: int) -> list[str]:
        return [os.environ["GHOSTUNNEL"], "server", "--listen", f"127.0.0.1:{port}", "--target", f"127.0.0.1:{self.backend}",
                "--cert", self.pki / "gateway-chain.pem", "--key", self.pki / "gateway.key", "--cacert", self.pki / "user-ca.pem",
                "--allow-ou", "unused", "--allow-cn", "alice", "--quiet", "all", "--max-concurrent-conns", "0"]

    def client_command(self, port: int, gateway: int) -> list[str]:
        return [os.environ["GHOSTUNNEL"], "client", "--listen", f"127.0.0.1:{port}", "--target", f"localhost:{gateway}",
                "--cert", self.pki / "login-chain.pem", "--key", self.pki / "login.key", "--cacert", self.pki / "server-ca.pem",
                "--quiet", "all"]


def peers() -> list[type[Subject]]:
    found = [Nginx, Haproxy, Hitch, Stunnel]
    return found + [Ghostunnel] if os.environ.get("GHOSTUNNEL") else found


def echoes(sock: socket.socket) -> bool:
    """Whether a byte comes back. The greeting is the load generator's echo order; a CONNECT for Postern's gateway is not needed:
    with it or without, who has no certificate hears nothing but an alert."""
    try:
        sock.settimeout(3)
        sock.sendall(b"Ex")
        return sock.recv(1) == b"x"
    except OSError:
        return False


def check_refuses_strangers(subject: Subject) -> None:
    """Raises unless the pair echoes and its gateway turns a client without a certificate away."""
    with socket.create_connection(("127.0.0.1", subject.port)) as plain:
        if not echoes(plain):
            logs = subject.gateway.log.read_text()[-2000:] + subject.client.log.read_text()[-2000:]
            raise RuntimeError(f"{subject.name}: the pair does not carry a byte:\n{logs}")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(subject.pki / "server-ca.pem")
    context.set_alpn_protocols(["http/1.1"])
    connect = b"CONNECT bench:5432 HTTP/1.1\r\nHost: bench:5432\r\n\r\n"
    with socket.create_connection(("127.0.0.1", subject.gateway.port)) as raw:
        try:
            with context.wrap_socket(raw, server_hostname="localhost") as stranger:
                if not subject.is_peer:
                    stranger.sendall(connect)
                    if stranger.recv(12) == b"HTTP/1.1 200":
                        raise RuntimeError(f"{subject.name} lets in a client without a certificate")
                if echoes(stranger):
                    raise RuntimeError(f"{subject.name} lets in a client without a certificate")
        except (ssl.SSLError, ConnectionError):
            pass

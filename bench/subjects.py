"""What is measured: each subject is a pair of processes, plain in, mutual TLS 1.3 between, plain out. All of them show and verify
the same certificates, speak the same cipher suite, use every core, and log nothing for each connection (Postern alone cannot help it:
its audit log and its operational log are on)."""

import os
import shutil
from pathlib import Path

from pki import Pki
from proof import SUITE
from side import Side, free_port


class Subject:
    """A running pair. `port` takes plain connections."""

    name = "?"
    # What must be installed.
    program = ""
    is_peer = True
    ends_threads = False
    # What a stranger without a certificate tries; the load generator's echo order.
    greeting = b"Ex"

    def __init__(self, folder: Path, pki: Pki, backend: int, resumes: bool = False, line=None):
        """`resumes`: with session tickets where the subject has them. `line(port)`: what the client side dials instead of
        the gateway's port."""
        self.folder, self.pki, self.backend, self.resumes = folder, pki, backend, resumes
        folder.mkdir(parents=True)
        folder.chmod(0o755)
        self.port, gateway_port = free_port(), free_port()
        self.gateway = Side(self.gateway_command(gateway_port), folder, "gateway", gateway_port, self.ends_threads)
        try:
            self.client = self.start_client(line(gateway_port) if line else gateway_port)
        except BaseException:
            self.gateway.stop()
            raise

    def start_client(self, gateway: int) -> Side:
        return Side(self.client_command(self.port, gateway), self.folder, "client", self.port, self.ends_threads)

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
    program = ""
    is_peer = False
    gateway = client = None

    def __init__(self, folder: Path, pki: Pki, backend: int, resumes: bool = False, line=None):
        self.port = line(backend) if line else backend

    def stop(self) -> None:
        pass


class DirectPlain(Direct):
    """PostgreSQL without TLS."""

    name = "direct, no TLS"


class Nginx(Subject):
    name = program = "nginx"
    # Directives that its packages do without.
    tuning = ""

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
    tcp_nodelay on;
    {self.tuning}{server}
}}
""")]


class Haproxy(Subject):
    name = program = "haproxy"
    tuning = ""

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
    {self.tuning}
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

    name = program = "hitch"

    def gateway_command(self, port: int) -> list[str]:
        return ["hitch", "--config", self.write("hitch.conf", f"""
frontend = "[127.0.0.1]:{port}"
backend = "[127.0.0.1]:{self.backend}"
pem-file = "{self.pki / 'gateway-both.pem'}"
client-verify = required
client-verify-ca = "{self.pki / 'user-ca.pem'}"
tls-protos = TLSv1.3
ciphersuites = "{SUITE}"
workers = {os.cpu_count()}
backlog = 4096
keepalive = 3600
daemon = off
user = "root"
quiet = on
""")]


class Stunnel(Subject):
    name, program = "stunnel", "stunnel4"
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


class NginxLarge(Nginx):
    """Moves bytes for less, and holds four times the memory for each connection."""

    name = "nginx, 64 KiB buffers"
    tuning = "proxy_buffer_size 64k;"


class HaproxyLarge(Haproxy):
    name = "haproxy, 64 KiB buffers"
    tuning = "tune.bufsize 65536"


def peers() -> list[type[Subject]]:
    found = [Nginx, Haproxy, Hitch, Stunnel]
    given = os.environ.get("GHOSTUNNEL")
    if not given:
        return found
    if not os.access(given, os.X_OK):
        raise RuntimeError(f"$GHOSTUNNEL names {given}, which is no program")
    return [*found, Ghostunnel]

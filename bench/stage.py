"""What all rows stand on: the load generator, its backend, a PostgreSQL, and subjects that are started, proven and stopped."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
from pathlib import Path

import subjects
from pki import Pki

POSTGRES = Path("/usr/lib/postgresql/15/bin")


class Stage:
    def __init__(self, folder: Path, binaries: Path, pki: Pki, quick: bool, rounds: int, only: list[str] | None):
        self.folder, self.binaries, self.pki, self.quick, self.rounds, self.only = folder, binaries, pki, quick, rounds, only
        subjects.Postern.binaries = str(binaries)
        self.number = 0
        self.helpers: list[subprocess.Popen] = []
        self.backend = self.helper("backend", 0)

    def close(self) -> None:
        for helper in self.helpers:
            helper.stdin.close()
            helper.wait()

    def helper(self, *words) -> int:
        """Starts a role of the load generator that serves until the end; returns its port."""
        command = [str(self.binaries / "postern-load"), *map(str, words)]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.helpers.append(process)
        return int(process.stdout.readline())

    def load(self, *words, core: int | None = None) -> dict:
        pin = ["taskset", "-c", str(core)] if core is not None else []
        done = subprocess.run([*pin, str(self.binaries / "postern-load"), *map(str, words)], check=True, capture_output=True,
                              text=True)
        return json.loads(done.stdout)

    def measured(self, subject, *words, core: int | None = None) -> dict:
        """What the load generator found, and the CPU seconds that each side took meanwhile."""
        sides = [side for side in (subject.gateway, subject.client) if side]
        before = [side.cpu_seconds() for side in sides]
        found = self.load(words[0], subject.port, *words[1:], core=core)
        spent = [side.cpu_seconds() - was for side, was in zip(sides, before)]
        found["gateway_cpu"], found["client_cpu"] = spent if sides else (0.0, 0.0)
        return found

    def wants(self, kind) -> bool:
        return not self.only or any(kind.name.startswith(name) for name in self.only)

    @contextlib.contextmanager
    def running(self, kinds, backend: int | None = None, **options):
        """The pairs, started and proven, by name."""
        started = {}
        try:
            for kind in filter(self.wants, kinds):
                self.number += 1
                folder = self.folder / f"subject-{self.number}"
                subject = kind(folder, self.pki, backend or self.backend, **options)
                started[kind.name] = subject
                if subject.gateway and backend is None and not options.get("line"):
                    subjects.check_refuses_strangers(subject)
            yield started
        finally:
            for subject in started.values():
                subject.stop()

    @contextlib.contextmanager
    def idle(self, port: int, count: int):
        command = [str(self.binaries / "postern-load"), "idle", str(port), str(count)]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        try:
            if process.stdout.readline() != "ready\n":
                raise RuntimeError("the idle connections could not be opened")
            yield
        finally:
            process.stdin.close()
            process.wait()

    @contextlib.contextmanager
    def postgres(self):
        """A PostgreSQL with pgbench's tables; plain connections are trusted, TLS ones show a certificate. Yields its port."""
        become = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if os.geteuid() == 0 else []
        home = self.folder / "postgres"
        home.mkdir()
        for name in ("database-chain.pem", "database.key", "user-ca.pem"):
            (home / name).write_text(self.pki.read(name))
        (home / "database.key").chmod(0o600)
        if become:
            subprocess.run(["chown", "-R", "postgres:", str(home)], check=True)
        data = home / "data"
        subprocess.run([*become, str(POSTGRES / "initdb"), "-D", str(data), "-A", "trust", "-U", "postgres", "-N", "-E", "UTF8",
                        "--locale=C"], check=True, capture_output=True, cwd=home)
        port = subjects.free_port()
        with (data / "postgresql.conf").open("a") as config:
            config.write(f"listen_addresses = '127.0.0.1'\nport = {port}\nunix_socket_directories = '{home}'\nmax_connections = 200\n"
                         f"fsync = off\nssl = on\nssl_cert_file = '{home}/database-chain.pem'\nssl_key_file = '{home}/database.key'\n"
                         f"ssl_ca_file = '{home}/user-ca.pem'\n")
        (data / "pg_hba.conf").write_text("local all all trust\nhostssl all all all cert\nhostnossl all all all trust\n")
        log = (home / "log").open("w")
        server = subprocess.Popen([*become, str(POSTGRES / "postgres"), "-D", str(data)], stdout=log, stderr=log, cwd=home)
        try:
            subjects.wait_for_port(port, server, home / "log")
            for _ in range(100):
                if subprocess.run([str(POSTGRES / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(port)]).returncode == 0:
                    break
            to = ["-h", "127.0.0.1", "-p", str(port), "-U", "postgres"]
            subprocess.run(["psql", *to, "-X", "-q", "-c", "create role alice superuser login", "-c", "create database alice owner alice",
                            "-d", "postgres"], check=True, capture_output=True)
            subprocess.run([str(POSTGRES / "pgbench"), "-i", "-q", "-h", "127.0.0.1", "-p", str(port), "-U", "alice", "alice"],
                           check=True, capture_output=True, env={**os.environ, "PGSSLMODE": "disable"})
            yield port
        finally:
            server.send_signal(signal.SIGINT)
            server.wait()
            shutil.rmtree(home, ignore_errors=True)

"""What all rows stand on: the load generator, its backend, a PostgreSQL, and subjects that are started, proven and stopped."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
from pathlib import Path

import proof
from pki import Pki
from side import DIES_WITH_DRIVER, accepts, free_port, line_of, pin_process, wait_for

POSTGRES = Path("/usr/lib/postgresql/15/bin")
# No single run takes a tenth of this on a slow machine: a subject that hangs ends the benchmark.
LOAD_PATIENCE = 300


class Stage:
    def __init__(self, folder: Path, binaries: Path, kind: str, rounds: int, only: list[str] | None):
        self.folder, self.binaries, self.kind, self.rounds, self.only = folder, binaries, kind, rounds, only
        self.pki = Pki(folder / "pki")
        self.number = 0
        self.helpers: list[subprocess.Popen] = []
        self.server: subprocess.Popen | None = None
        self.backend = self.helper("backend", 0)

    def of(self, smoke, quick, full):
        """How much of something this run takes."""
        return {"smoke": smoke, "quick": quick, "full": full}[self.kind]

    def close(self) -> None:
        self.end_helpers(0)

    def end_helpers(self, keep: int) -> None:
        """All but the first `keep`; they end with their standard input."""
        while len(self.helpers) > keep:
            helper = self.helpers.pop()
            helper.stdin.close()
            try:
                helper.wait(5)
            except subprocess.TimeoutExpired:
                helper.kill()
                helper.wait()

    def helper(self, *words) -> int:
        """Starts a role of the load generator that serves until the end; returns its port."""
        command = [str(self.binaries / "postern-load"), *map(str, words)]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True)
        self.helpers.append(process)
        return int(line_of(process) or 0)

    def backend_cpu_seconds(self) -> float:
        return int(Path(f"/proc/{self.helpers[0].pid}/schedstat").read_text().split()[0]) / 1e9

    def load(self, *words, core: int | None = None) -> dict:
        pin = ["taskset", "-c", str(core)] if core is not None else []
        done = subprocess.run([*pin, str(self.binaries / "postern-load"), *map(str, words)], check=True, capture_output=True,
                              text=True, timeout=LOAD_PATIENCE)
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
        """The smoke test makes do with the peers that are there; in a measurement a missing one would not be missed."""
        if self.kind == "smoke" and kind.program and not shutil.which(kind.program):
            return False
        return not self.only or any(kind.name.startswith(name) for name in self.only)

    @contextlib.contextmanager
    def running(self, kinds, backend: int | None = None, **options):
        """The pairs, started and proven, by name. Each turns a stranger away; each carries the load generator's byte, unless a
        PostgreSQL is the backend, which pgbench proves."""
        started = {}
        helpers = len(self.helpers)
        try:
            for kind in filter(self.wants, kinds):
                self.number += 1
                folder = self.folder / f"subject-{self.number}"
                subject = kind(folder, self.pki, backend or self.backend, **options)
                started[kind.name] = subject
                if subject.gateway:
                    proof.check_refuses_strangers(subject)
                    if backend is None:
                        proof.check_carries(subject)
            yield started
        finally:
            for subject in started.values():
                subject.stop()
            self.end_helpers(helpers)

    def pin(self, running: dict, cores: set[int]) -> None:
        """Everything that is not the load generator's client, or pgbench: those are started pinned."""
        for subject in running.values():
            for side in filter(None, (subject.gateway, subject.client)):
                side.pin(cores)
        for process in filter(None, (*self.helpers, self.server)):
            pin_process(process.pid, cores)

    @contextlib.contextmanager
    def pinned(self, running: dict):
        """Everything on one core."""
        self.pin(running, {0})
        try:
            yield
        finally:
            self.pin(running, set(range(os.cpu_count())))

    @contextlib.contextmanager
    def idle(self, port: int, count: int):
        command = [str(self.binaries / "postern-load"), "idle", str(port), str(count)]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True)
        try:
            if line_of(process) != "ready\n":
                raise RuntimeError(f"{count} idle connections could not be opened")
            yield
            if process.poll() is not None:
                raise RuntimeError("an idle connection was lost")
        finally:
            process.stdin.close()
            process.wait()

    @contextlib.contextmanager
    def postgres(self):
        """A PostgreSQL with pgbench's tables; plain connections are trusted, TLS ones show a certificate. Yields its port."""
        become = ["--reuid=postgres", "--regid=postgres", "--clear-groups"] if os.geteuid() == 0 else []
        home = self.folder / "postgres"
        home.mkdir()
        for name in ("database-chain.pem", "database.key", "user-ca.pem"):
            (home / name).write_text(self.pki.read(name))
        (home / "database.key").chmod(0o600)
        if become:
            subprocess.run(["chown", "-R", "postgres:", str(home)], check=True)
        data = home / "data"
        subprocess.run(["setpriv", *become, "--", str(POSTGRES / "initdb"), "-D", str(data), "-A", "trust", "-U", "postgres", "-N",
                        "-E", "UTF8", "--locale=C"], check=True, capture_output=True, cwd=home)
        port = free_port()
        with (data / "postgresql.conf").open("a") as config:
            config.write(f"listen_addresses = '127.0.0.1'\nport = {port}\nunix_socket_directories = '{home}'\nmax_connections = 200\n"
                         f"fsync = off\nssl = on\nssl_cert_file = '{home}/database-chain.pem'\nssl_key_file = '{home}/database.key'\n"
                         f"ssl_ca_file = '{home}/user-ca.pem'\n")
        (data / "pg_hba.conf").write_text("local all all trust\nhostssl all all all cert\nhostnossl all all all trust\n")
        with (home / "log").open("w") as log:
            self.server = subprocess.Popen([*DIES_WITH_DRIVER[:-1], *become, "--", str(POSTGRES / "postgres"), "-D", str(data)],
                                           stdout=log, stderr=log, cwd=home, start_new_session=True)
        ready = [str(POSTGRES / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(port)]
        try:
            wait_for(lambda: accepts(port) and subprocess.run(ready).returncode == 0, self.server, home / "log")
            to = ["-h", "127.0.0.1", "-p", str(port), "-U", "postgres"]
            subprocess.run(["psql", *to, "-X", "-q", "-c", "create role alice superuser login", "-c", "create database alice owner alice",
                            "-d", "postgres"], check=True, capture_output=True)
            subprocess.run([str(POSTGRES / "pgbench"), "-i", "-q", "-h", "127.0.0.1", "-p", str(port), "-U", "alice", "alice"],
                           check=True, capture_output=True, env={**os.environ, "PGSSLMODE": "disable"})
            yield port
        finally:
            self.server.send_signal(signal.SIGINT)
            try:
                self.server.wait(30)
            except subprocess.TimeoutExpired:
                self.server.send_signal(signal.SIGQUIT)
                self.server.wait()
            self.server = None
            shutil.rmtree(home, ignore_errors=True)

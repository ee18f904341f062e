"""The rows: what is measured of each subject. Subjects take turns within a round, so that the machine's moods meet all alike."""

import os
import re
import subprocess
import time

import subjects
from report import Results
from stage import POSTGRES, Stage
from subjects import Direct, Haproxy, Nginx, Postern, PosternCold, PosternDatabase, PosternEndToEnd

GB = 1e9


def bulk(stage: Stage, results: Results) -> None:
    """Bytes one way, one and eight connections."""
    size = 300_000_000 if stage.quick else 1_000_000_000
    with stage.running([Direct, Postern, *subjects.peers()]) as running:
        for _ in range(stage.rounds):
            for direction in ("up", "down"):
                for connections in (1, 8):
                    for name, subject in running.items():
                        found = stage.measured(subject, "bulk", connections, size, direction)
                        row = f"bulk, {direction}, {connections} connection{'s' * (connections > 1)}"
                        results.note(row, "GB/s", name, found["bytes"] / GB / found["seconds"])
                        note_cpu(results, row, "CPU s per GB", name, found, GB / found["bytes"])


def note_cpu(results: Results, row: str, metric: str, name: str, found: dict, scale: float) -> None:
    """Both sides together and each."""
    if name == Direct.name:
        return
    results.note(row, metric, name, (found["gateway_cpu"] + found["client_cpu"]) * scale)
    results.note(row, f"{metric}, gateway", name, found["gateway_cpu"] * scale)
    results.note(row, f"{metric}, client side", name, found["client_cpu"] * scale)


def note_connections(results: Results, row: str, name: str, found: dict) -> None:
    if found["failed"]:
        raise RuntimeError(f"{name}: {found['failed']} connections failed")
    results.note(row, "connections/s", name, found["connections"] / found["seconds"])
    results.note(row, "first byte p50, ms", name, found["p50_us"] / 1e3)
    results.note(row, "first byte p99, ms", name, found["p99_us"] / 1e3)


def cold_connections(stage: Stage, results: Results) -> None:
    """Eight at a time, each with a full handshake; nothing warm, nothing resumed."""
    row, count = "cold connections", 600 if stage.quick else 2000
    with stage.running([PosternCold, *subjects.peers()]) as running:
        for round_number in range(stage.rounds + 1):
            for name, subject in running.items():
                found = stage.measured(subject, "connects", count if round_number else 50, 8, 0)
                if round_number == 0:
                    continue
                note_connections(results, row, name, found)
                note_cpu(results, row, "CPU ms per connection", name, found, 1e3 / found["connections"])


def connections_of_users(stage: Stage, results: Results) -> None:
    """Postern with its warm tunnels, the others with their session tickets: 16 at once, then a pause; and one by one."""
    bursts = 5 if stage.quick else 20
    with stage.running([Postern, *subjects.peers()], resumes=True) as running:
        for round_number in range(stage.rounds + 1):
            for name, subject in running.items():
                burst(stage, results if round_number else Results(), name, subject, bursts)
        for _ in range(stage.rounds):
            for name, subject in running.items():
                time.sleep(0.3)
                found = stage.load("connects", subject.port, 50, 1, 20_000)
                row = "connections as users get them, one each 20 ms"
                results.note(row, "first byte p50, ms", name, found["p50_us"] / 1e3)
                results.note(row, "first byte p99, ms", name, found["p99_us"] / 1e3)


def burst(stage: Stage, results: Results, name: str, subject, count: int) -> None:
    row, at_once = "connections as users get them, 16 at once", 16
    before = subject.gateway.cpu_seconds(), subject.client.cpu_seconds()
    for _ in range(count):
        found = stage.load("connects", subject.port, at_once, at_once, 0)
        note_connections(results, row, name, found)
        time.sleep(0.4)
    spent = {"gateway_cpu": subject.gateway.cpu_seconds() - before[0], "client_cpu": subject.client.cpu_seconds() - before[1]}
    note_cpu(results, row, "CPU ms per connection", name, spent, 1e3 / (count * at_once))


def round_trips(stage: Stage, results: Results) -> None:
    """One byte to and fro."""
    count = 5_000 if stage.quick else 20_000
    with stage.running([Direct, Postern, *subjects.peers()]) as running:
        for _ in range(stage.rounds):
            for name, subject in running.items():
                note_round_trips(results, "ping-pong, all cores", name, stage.measured(subject, "round-trips", 1, count, 0))
                many = stage.measured(subject, "round-trips", 64, count * 4, 0)
                note_round_trips(results, "ping-pong, 64 connections", name, many)
        pin(stage, running, {0})
        for _ in range(stage.rounds):
            for name, subject in running.items():
                found = stage.measured(subject, "round-trips", 1, count, 0, core=0)
                note_round_trips(results, "ping-pong, one core", name, found)
        pin(stage, running, set(range(os.cpu_count())))


def pin(stage: Stage, running: dict, cores: set[int]) -> None:
    for subject in running.values():
        for side in filter(None, (subject.gateway, subject.client)):
            side.pin(cores)
    for helper in stage.helpers:
        os.sched_setaffinity(helper.pid, cores)


def note_round_trips(results: Results, row: str, name: str, found: dict) -> None:
    results.note(row, "p50, µs", name, found["p50_us"])
    results.note(row, "p99, µs", name, found["p99_us"])
    results.note(row, "round trips/s", name, found["round_trips"] / found["seconds"])
    note_cpu(results, row, "CPU µs per round trip", name, found, 1e6 / found["round_trips"])


def memory(stage: Stage, results: Results) -> None:
    """PSS of idle tunnels, over a process that has carried a few."""
    count = 1000 if stage.quick else 2000
    for _ in range(1 if stage.quick else 3):
        for kind in [PosternCold, *subjects.peers()]:
            with stage.running([kind]) as running:
                for subject in running.values():
                    stage.load("connects", subject.port, 50, 8, 0)
                    time.sleep(0.5)
                    before = subject.gateway.pss_kib(), subject.client.pss_kib()
                    with stage.idle(subject.port, count):
                        time.sleep(1.5)
                        after = subject.gateway.pss_kib(), subject.client.pss_kib()
                    row = "memory per idle tunnel"
                    results.note(row, "gateway, KiB", kind.name, (after[0] - before[0]) / count)
                    results.note(row, "client side, KiB", kind.name, (after[1] - before[1]) / count)


PGBENCH = {
    "pgbench -S, 1 client": ["-S", "-M", "prepared", "-c", "1"],
    "pgbench -S, 8 clients": ["-S", "-M", "prepared", "-c", "8", "-j", "2"],
    "pgbench -S -C, 8 clients": ["-S", "-C", "-c", "8", "-j", "2"],
}


class DirectPlain(Direct):
    name = "direct, no TLS"


def pgbench(stage: Stage, results: Results) -> None:
    """Beside psql's own TLS with a client certificate, which is what people do without a proxy."""
    seconds = 2 if stage.quick else 5
    own_tls = "direct, TLS with certificate"
    kinds = [DirectPlain, PosternDatabase, PosternEndToEnd, *subjects.peers()]
    with stage.postgres() as port, stage.running(kinds, backend=port, resumes=True) as running:
        for subject in running.values():
            run_pgbench(subject.port, PGBENCH["pgbench -S, 1 client"], 1, {"PGSSLMODE": "disable"})
        ports = {name: (subject.port, {"PGSSLMODE": "disable"}) for name, subject in running.items()}
        ports[own_tls] = (port, own_tls_environment(stage))
        for _ in range(stage.rounds):
            for row, words in PGBENCH.items():
                for name, (at, environment) in ports.items():
                    results.note(row, "transactions/s", name, run_pgbench(at, words, seconds, environment))
        pin(stage, running, {0})
        for _ in range(stage.rounds):
            for name, (at, environment) in ports.items():
                tps = run_pgbench(at, PGBENCH["pgbench -S, 1 client"], seconds, environment, core=0)
                results.note("pgbench -S, 1 client, all but the server's own pid on one core", "transactions/s", name, tps)


def own_tls_environment(stage: Stage) -> dict:
    return {"PGSSLMODE": "verify-full", "PGSSLROOTCERT": stage.pki / "server-ca.pem", "PGSSLCERT": stage.pki / "login-chain.pem",
            "PGSSLKEY": stage.pki / "login.key", "PGHOST": "localhost"}


def run_pgbench(port: int, words: list[str], seconds: int, environment: dict, core: int | None = None) -> float:
    pinned = ["taskset", "-c", str(core)] if core is not None else []
    done = subprocess.run([*pinned, str(POSTGRES / "pgbench"), "-n", "-T", str(seconds), *words, "-p", str(port), "-U", "alice", "alice"],
                          check=True, capture_output=True, text=True, env={**os.environ, "PGHOST": "127.0.0.1", **environment})
    return float(re.search(r"^tps = ([0-9.]+)", done.stdout, re.M).group(1))


def distance(stage: Stage, results: Results) -> None:
    """connect() to the first row, the server 50 ms away: 25 each way, and 50 for each TCP handshake over the line."""
    row, metric, count = "first row at 50 ms round trip", "ms", 5 if stage.quick else 20

    def line(port: int) -> int:
        return stage.helper("delay-line", 0, port, 25)

    kinds = [DirectPlain, PosternDatabase, PosternEndToEnd, *subjects.peers()]
    with stage.postgres() as port, stage.running(kinds, backend=port, resumes=True, line=line) as running:
        for name, subject in running.items():
            stage.load("first-rows", subject.port, 2, "alice", "alice")
        for _ in range(2 if stage.quick else 3):
            for name, subject in running.items():
                results.note(row, metric, name, stage.load("first-rows", subject.port, count, "alice", "alice")["p50_ms"])
            results.note(row, metric, "direct, TLS with certificate", psql_first_row(stage, line(port), count))


def psql_first_row(stage: Stage, port: int, count: int) -> float:
    """psql's whole run, less what the same run takes with --version: it does its own TLS, which the load generator has not."""
    def run(*words) -> float:
        start = time.monotonic()
        subprocess.run(["psql", "-X", *words], check=True, capture_output=True, env={**os.environ, **own_tls_environment(stage)})
        return (time.monotonic() - start) * 1e3

    times = sorted(run("-At", "-p", str(port), "-U", "alice", "-d", "alice", "-c", "select 1") for _ in range(count))
    starts = sorted(run("--version") for _ in range(count))
    return times[count // 2] - starts[count // 2]


class PosternSynced(PosternCold):
    name = "postern, each record fsynced"
    durability = "sync"


def audit(stage: Stage, results: Results) -> None:
    """What the records cost: written to a file, and synced to the disk before anybody is let in."""
    count = 400 if stage.quick else 2000
    with stage.running([PosternCold, PosternSynced]) as running:
        for _ in range(stage.rounds):
            for name, subject in running.items():
                found = stage.measured(subject, "connects", count, 8, 0)
                note_connections(results, "audit durability, cold connections", name, found)


def variant(label: str, **settings) -> type[Postern]:
    return type("PosternVariant", (PosternCold,), {"name": f"postern, {label}", **settings})


def growth(stage: Stage, results: Results) -> None:
    """How cost grows with connections that stand, rules, and revoked serials."""
    count = 400 if stage.quick else 1500
    beside = (10, 1000) if stage.quick else (10, 100, 1000, 5000)
    for standing in beside:
        with stage.running([Postern, Nginx, Haproxy]) as running:
            for name, subject in running.items():
                found = stage.measured(subject, "round-trips", 8, 8000, 0)
                with stage.idle(subject.port, standing):
                    found = stage.measured(subject, "round-trips", 8, 8000, 0)
                note_round_trips(results, f"ping-pong of 8 beside {standing} idle connections", name, found)
    rules = [variant(f"{number} rules", rules=number) for number in (1, 100, 10_000)]
    revoked = [variant(f"{number} revoked", revoked=number) for number in (0, 1_000, 100_000)]
    for row, kinds in (("connections by number of rules", rules), ("connections by number of revoked serials", revoked)):
        with stage.running(kinds) as running:
            for _ in range(stage.rounds):
                for name, subject in running.items():
                    found = stage.measured(subject, "connects", count, 8, 0)
                    note_connections(results, row, name, found)
                    note_cpu(results, row, "CPU ms per connection", name, found, 1e3 / found["connections"])

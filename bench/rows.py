"""The rows: what is measured of each subject. Subjects take turns within a round, so that the machine's moods meet all alike."""

import os
import re
import resource
import subprocess
import time

import subjects
from postern import Postern, PosternCold, PosternDatabase, PosternEndToEnd, PosternSynced, PosternUnaudited, variant
from report import Results
from stage import POSTGRES, Stage
from subjects import Direct, DirectPlain, Haproxy, Nginx

GB = 1e9
AT_ONCE = 16
BURST_ROW = f"connections as users get them, {AT_ONCE} at once"
ONE_BY_ONE_ROW = "connections as users get them, one each 20 ms"
OWN_TLS = "direct, TLS with certificate"


def floors(stage: Stage, results: Results) -> None:
    """What no proxy that uses OpenSSL can go below: each byte is encrypted on one side and decrypted on the other, and received and
    sent on both; for a handshake each side signs once, verifies once, and makes and uses one key share."""
    row = "floors, on one core"

    def speed(*words: str) -> list[str]:
        """The fields of the last line of figures."""
        done = subprocess.run(["openssl", "speed", "-mr", "-seconds", str(stage.of(1, 1, 3)), *words], check=True, capture_output=True,
                              text=True, timeout=120)
        return re.findall(r"^\+F.*$", done.stdout, re.M)[-1].split(":")

    for _ in range(stage.of(1, 1, 3)):
        bytes_a_second = float(speed("-evp", "aes-128-gcm", "-bytes", "16384")[-1])
        results.note(row, "AES-128-GCM in blocks of 16 KiB, s per GB", "this machine", GB / bytes_a_second)
        signs, verifies = map(float, speed("ecdsap256")[3:5])
        results.note(row, "ECDSA P-256 signature, µs", "this machine", 1e6 / signs)
        results.note(row, "ECDSA P-256 verification, µs", "this machine", 1e6 / verifies)
        results.note(row, "X25519 exchange, µs", "this machine", 1e6 / float(speed("ecdhx25519")[3]))
        results.note(row, "one send and one receive over the loopback, s per GB", "this machine", loopback(stage))


def loopback(stage: Stage) -> float:
    """CPU seconds per GB from the load generator to its backend without anything between."""
    def spent() -> float:
        children = resource.getrusage(resource.RUSAGE_CHILDREN)
        return children.ru_utime + children.ru_stime + stage.backend_cpu_seconds()

    before = spent()
    found = stage.load("bulk", stage.backend, 1, stage.of(50_000_000, 1_000_000_000, 4_000_000_000), "up")
    return (spent() - before) * GB / found["bytes"]


def bulk(stage: Stage, results: Results) -> None:
    """Bytes one way, one and eight connections."""
    size = stage.of(10_000_000, 200_000_000, 1_000_000_000)
    tuned = stage.of([], [], [subjects.NginxLarge, subjects.HaproxyLarge])
    with stage.running([Direct, Postern, *subjects.peers(), *tuned]) as running:
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
        raise RuntimeError(f"{row}, {name}: {found['failed']} connections failed")
    results.note(row, "connections/s", name, found["connections"] / found["seconds"])
    results.note(row, "first byte p50, ms", name, found["p50_us"] / 1e3)
    results.note(row, "first byte p99, ms", name, found["p99_us"] / 1e3)


def take_turns_connecting(stage: Stage, results: Results, row: str, kinds: list, count: int, rounds: int) -> None:
    """Eight at a time. A first short round warms caches up, and is not counted."""
    with stage.running(kinds) as running:
        for subject in running.values():
            stage.load("connects", subject.port, 50, 8, 0)
        for _ in range(rounds):
            for name, subject in running.items():
                found = stage.measured(subject, "connects", count, 8, 0)
                note_connections(results, row, name, found)
                note_cpu(results, row, "CPU ms per connection", name, found, 1e3 / found["connections"])
        for name, subject in running.items():
            if isinstance(subject, Postern) and (subject.records() > 100) == isinstance(subject, PosternUnaudited):
                raise RuntimeError(f"{name}: {subject.records()} audit records are not what it is to write")


def cold_connections(stage: Stage, results: Results) -> None:
    """Each with a full handshake; nothing warm, nothing resumed."""
    count = stage.of(60, 600, 2000)
    take_turns_connecting(stage, results, "cold connections", [PosternCold, *subjects.peers()], count, stage.rounds)


def connections_of_users(stage: Stage, results: Results) -> None:
    """Postern with its warm tunnels, the others with their session tickets: 16 at once, then a pause; and one by one."""
    bursts = stage.of(1, 3, 15)
    with stage.running([Direct, Postern, *subjects.peers()], resumes=True) as running:
        pairs = {name: subject for name, subject in running.items() if name != Direct.name}
        # Who keeps connections warm learns how many, who resumes sessions gets its first ones.
        for subject in pairs.values():
            burst(stage, Results(), subject.name, subject, stage.of(1, 4, 4))
        for _ in range(stage.rounds):
            for name, subject in pairs.items():
                burst(stage, results, name, subject, bursts)
        for _ in range(stage.rounds):
            for name, subject in running.items():
                time.sleep(0.3)
                found = stage.load("connects", subject.port, stage.of(3, 25, 50), 1, 20_000)
                results.note(ONE_BY_ONE_ROW, "first byte p50, ms", name, found["p50_us"] / 1e3)
                results.note(ONE_BY_ONE_ROW, "first byte p99, ms", name, found["p99_us"] / 1e3)


def burst(stage: Stage, results: Results, name: str, subject, count: int) -> None:
    """The pause belongs to what is paid for: what is to be warm is made warm in it."""
    before = subject.gateway.cpu_seconds(), subject.client.cpu_seconds()
    for _ in range(count):
        found = stage.load("connects", subject.port, AT_ONCE, AT_ONCE, 0)
        note_connections(results, BURST_ROW, name, found)
        time.sleep(0.4)
    spent = {"gateway_cpu": subject.gateway.cpu_seconds() - before[0], "client_cpu": subject.client.cpu_seconds() - before[1]}
    note_cpu(results, BURST_ROW, "CPU ms per connection", name, spent, 1e3 / (count * AT_ONCE))


def round_trips(stage: Stage, results: Results) -> None:
    """One byte to and fro."""
    count = stage.of(200, 5_000, 20_000)
    with stage.running([Direct, Postern, *subjects.peers()]) as running:
        for _ in range(stage.rounds):
            for name, subject in running.items():
                note_round_trips(results, "ping-pong, all cores", name, stage.measured(subject, "round-trips", 1, count, 0))
                many = stage.measured(subject, "round-trips", 64, count * 4, 0)
                note_round_trips(results, "ping-pong, 64 connections", name, many)
        with stage.pinned(running):
            for _ in range(stage.rounds):
                for name, subject in running.items():
                    found = stage.measured(subject, "round-trips", 1, count, 0, core=0)
                    note_round_trips(results, "ping-pong, one core", name, found)


def note_round_trips(results: Results, row: str, name: str, found: dict) -> None:
    results.note(row, "p50, µs", name, found["p50_us"])
    results.note(row, "p99, µs", name, found["p99_us"])
    results.note(row, "round trips/s", name, found["round_trips"] / found["seconds"])
    note_cpu(results, row, "CPU µs per round trip", name, found, 1e6 / found["round_trips"])


def memory(stage: Stage, results: Results) -> None:
    """PSS of 2,000 idle tunnels, over a process that has carried a few; and of what stands warm, over one that keeps nothing."""
    count = stage.of(20, 2000, 2000)
    for _ in range(stage.of(1, 1, 3)):
        for kind in [PosternCold, *subjects.peers()]:
            with stage.running([kind]) as running:
                for subject in running.values():
                    stage.load("connects", subject.port, 50, 8, 0)
                    time.sleep(0.5)
                    before = pss(subject)
                    with stage.idle(subject.port, count):
                        time.sleep(1.5)
                        after = pss(subject)
                    note_memory(results, "memory per idle tunnel", kind.name, before, after, count)
        without, with_warm = settled(stage, 0), settled(stage, 128)
        # Each has one socket at the gateway.
        note_memory(results, "memory per warm tunnel", Postern.name, without, with_warm, max(with_warm[2] - without[2], 1))


def settled(stage: Stage, warm: int) -> tuple[int, int, int]:
    """PSS of both sides, and open files of the gateway, of a pair that is to keep so many warm and has carried a few connections."""
    weighed = variant("to be weighed", warm=warm)(stage.folder / f"weighed-{warm}", stage.pki, stage.backend)
    try:
        stage.load("connects", weighed.port, 50, 8, 0)
        time.sleep(3)
        return *pss(weighed), weighed.gateway.open_files()
    finally:
        weighed.stop()


def pss(subject) -> tuple[int, int]:
    return subject.gateway.pss_kib(), subject.client.pss_kib()


def note_memory(results: Results, row: str, name: str, before: tuple, after: tuple, count: int) -> None:
    results.note(row, "gateway, KiB", name, (after[0] - before[0]) / count)
    results.note(row, "client side, KiB", name, (after[1] - before[1]) / count)


PGBENCH = {
    "pgbench -S, 1 client": ["-S", "-M", "prepared", "-c", "1"],
    "pgbench -S, 8 clients": ["-S", "-M", "prepared", "-c", "8", "-j", "2"],
    "pgbench -S -C, 8 clients": ["-S", "-C", "-c", "8", "-j", "2"],
}
ONE_CORE_ROW = "pgbench -S, 1 client, one core"


def pgbench(stage: Stage, results: Results) -> None:
    """Beside psql's own TLS with a client certificate, which is what people do without a proxy."""
    amount, rounds = stage.of((["-t", "10"], 1), (["-T", "1"], 2), (["-T", "4"], 4))
    kinds = [DirectPlain, PosternDatabase, PosternEndToEnd, *subjects.peers()]
    with stage.postgres() as port, stage.running(kinds, backend=port, resumes=True) as running:
        ports = {name: (subject.port, {"PGSSLMODE": "disable"}) for name, subject in running.items()}
        ports[OWN_TLS] = (port, own_tls_environment(stage))
        for at, environment in ports.values():
            run_pgbench(at, PGBENCH["pgbench -S, 1 client"], ["-t", "100"], environment)
        for _ in range(rounds):
            for row, words in PGBENCH.items():
                for name, (at, environment) in ports.items():
                    results.note(row, "transactions/s", name, run_pgbench(at, words, amount, environment))
        with stage.pinned(running):
            for _ in range(rounds):
                for name, (at, environment) in ports.items():
                    tps = run_pgbench(at, PGBENCH["pgbench -S, 1 client"], amount, environment, core=0)
                    results.note(ONE_CORE_ROW, "transactions/s", name, tps)


def own_tls_environment(stage: Stage) -> dict:
    return {"PGSSLMODE": "verify-full", "PGSSLROOTCERT": stage.pki / "server-ca.pem", "PGSSLCERT": stage.pki / "login-chain.pem",
            "PGSSLKEY": stage.pki / "login.key", "PGHOST": "localhost"}


def run_pgbench(port: int, words: list[str], amount: list[str], environment: dict, core: int | None = None) -> float:
    pinned = ["taskset", "-c", str(core)] if core is not None else []
    done = subprocess.run([*pinned, str(POSTGRES / "pgbench"), "-n", *amount, *words, "-p", str(port), "-U", "alice", "alice"],
                          check=True, capture_output=True, text=True, timeout=120, env={**os.environ, "PGHOST": "127.0.0.1", **environment})
    return float(re.search(r"^tps = ([0-9.]+)", done.stdout, re.M).group(1))


def distance(stage: Stage, results: Results) -> None:
    """connect() to the first row, the server 50 ms away: 25 each way, and 50 for each TCP handshake over the line."""
    row, metric, count, rounds = "first row at 50 ms round trip", "ms", *stage.of((1, 1), (5, 1), (15, 3))

    def line(port: int) -> int:
        return stage.helper("delay-line", 0, port, 25)

    kinds = [DirectPlain, PosternDatabase, PosternEndToEnd, *subjects.peers()]
    with stage.postgres() as port, stage.running(kinds, backend=port, resumes=True, line=line) as running:
        own_tls = line(port)
        for subject in running.values():
            stage.load("first-rows", subject.port, 2, "alice", "alice")
        for _ in range(rounds):
            for name, subject in running.items():
                results.note(row, metric, name, stage.load("first-rows", subject.port, count, "alice", "alice")["p50_ms"])
            results.note(row, metric, OWN_TLS, psql_first_row(stage, own_tls, count))


def psql_first_row(stage: Stage, port: int, count: int) -> float:
    """psql's whole run, less what the same run takes with --version: it does its own TLS, which the load generator has not."""
    def run(*words) -> float:
        start = time.monotonic()
        subprocess.run(["psql", "-X", *words], check=True, capture_output=True, timeout=60,
                       env={**os.environ, **own_tls_environment(stage)})
        return (time.monotonic() - start) * 1e3

    times = sorted(run("-At", "-p", str(port), "-U", "alice", "-d", "alice", "-c", "select 1") for _ in range(count))
    starts = sorted(run("--version") for _ in range(count))
    return times[count // 2] - starts[count // 2]


def audit(stage: Stage, results: Results) -> None:
    """What the records cost: none of them, written to a file, and synced to the disk before anybody is let in."""
    count, rounds = stage.of((60, 1), (300, 4), (1000, 10))
    take_turns_connecting(stage, results, "audit, cold connections", [PosternUnaudited, PosternCold, PosternSynced], count, rounds)


def growth(stage: Stage, results: Results) -> None:
    """How cost grows with connections that stand, rules, and revoked serials."""
    for standing in stage.of((10,), (10, 1000), (10, 100, 1000, 5000)):
        with stage.running([Postern, Nginx, Haproxy]) as running:
            for name, subject in running.items():
                with stage.idle(subject.port, standing):
                    beside_idle(stage, results, f"growth, beside {standing} idle connections", name, subject)
    count, rounds = stage.of((60, 1), (300, 4), (1000, 10))
    rules = [variant(f"{number} rules", rules=number) for number in (1, 100, 10_000)]
    take_turns_connecting(stage, results, "growth, connections by number of rules", rules, count, rounds)
    revoked = [variant(f"{number} revoked", revoked=number) for number in (0, 1_000, 100_000)]
    take_turns_connecting(stage, results, "growth, connections by number of revoked serials", revoked, count, rounds)


def beside_idle(stage: Stage, results: Results, row: str, name: str, subject) -> None:
    """What the idle ones cost by themselves, what they cost the busy ones, and newcomers."""
    seconds = stage.of(1, 1, 4)
    time.sleep(1)
    before = subject.gateway.cpu_seconds(), subject.client.cpu_seconds()
    time.sleep(seconds)
    results.note(row, "idle CPU ms/s, gateway", name, (subject.gateway.cpu_seconds() - before[0]) * 1e3 / seconds)
    results.note(row, "idle CPU ms/s, client side", name, (subject.client.cpu_seconds() - before[1]) * 1e3 / seconds)
    results.note(row, "open files, gateway", name, subject.gateway.open_files())
    for _ in range(stage.rounds):
        note_round_trips(results, row, name, stage.measured(subject, "round-trips", 8, stage.of(400, 8000, 8000), 0))
        found = stage.measured(subject, "connects", stage.of(20, 200, 200), 8, 0)
        note_connections(results, row, name, found)
        note_cpu(results, row, "CPU ms per new connection", name, found, 1e3 / found["connections"])

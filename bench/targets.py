"""What is to be reached, and whether it was: each a figure of a row against the best peer in that row, or against a number."""

import statistics
from dataclasses import dataclass

from postern import PosternCold, PosternDatabase, PosternEndToEnd, PosternUnaudited
from rows import BURST_ROW, ONE_BY_ONE_ROW, ONE_CORE_ROW, OWN_TLS

LINES = [f"bulk, {direction}, {connections}" for direction in ("up", "down") for connections in ("1 connection", "8 connections")]

ONE_RULE, NONE_REVOKED = "postern, 1 rules", "postern, 0 revoked"
# Postern with something less.
VARIANTS = {PosternUnaudited.name, ONE_RULE, NONE_REVOKED}


@dataclass(frozen=True)
class Target:
    what: str
    row: str
    metric: str
    limit: float
    subject: str = "postern"
    # What it is a ratio to: "best peer", the name of a subject, or nothing for the figure itself.
    against: str | None = "best peer"
    at_least: bool = False


def at_most(what: str, row: str, metric: str, limit: float, **more) -> Target:
    return Target(what, row, metric, limit, **more)


def at_least(what: str, row: str, metric: str, limit: float, **more) -> Target:
    return Target(what, row, metric, limit, at_least=True, **more)


def all_targets() -> list[Target]:
    cold = {"subject": PosternCold.name}
    unaudited = {"subject": PosternCold.name, "against": PosternUnaudited.name}
    rules = {"subject": "postern, 10000 rules", "against": ONE_RULE}
    revoked = {"subject": "postern, 100000 revoked", "against": NONE_REVOKED}
    audit_row, per = "audit, cold connections", "CPU ms per connection"
    by_rules, by_revoked = "growth, connections by number of rules", "growth, connections by number of revoked serials"
    return [
        *(at_most(f"{line}: CPU per GB, both sides", line, "CPU s per GB", 0.85) for line in LINES),
        *(at_least(f"{line}: throughput", line, "GB/s", 1.15) for line in LINES),
        *(at_most(f"cold connection: CPU, {side}", "cold connections", f"{per}, {side}", 0.80, **cold) for side in ("gateway", "client side")),
        *(at_most(f"cold connection: CPU, {side}, ms", "cold connections", f"{per}, {side}", 0.60, against=None, subject=PosternCold.name)
          for side in ("gateway", "client side")),
        at_least("cold connections per second", "cold connections", "connections/s", 1.2, **cold),
        at_least("connections per second as users get them", BURST_ROW, "connections/s", 2.0),
        at_most("connect to first byte, warm, p50", ONE_BY_ONE_ROW, "first byte p50, ms", 0.2),
        at_most("ping-pong on one core, p50", "ping-pong, one core", "p50, µs", 1.0),
        at_most("ping-pong on one core, CPU per round trip", "ping-pong, one core", "CPU µs per round trip", 1.0),
        at_most("memory per idle tunnel, gateway, KiB", "memory per idle tunnel", "gateway, KiB", 20, against=None, **cold),
        at_most("memory per idle tunnel, client side, KiB", "memory per idle tunnel", "client side, KiB", 20, against=None, **cold),
        at_least("pgbench -S on one core", ONE_CORE_ROW, "transactions/s", 1.05),
        at_least("pgbench -C, 8 clients, pass-through, against psql's own TLS", "pgbench -S -C, 8 clients", "transactions/s", 2.5,
                 against=OWN_TLS),
        at_least("pgbench -C, 8 clients, end to end, against psql's own TLS", "pgbench -S -C, 8 clients", "transactions/s", 1.2,
                 subject=PosternEndToEnd.name, against=OWN_TLS),
        at_most("first row at 50 ms, pass-through, ms", "first row at 50 ms round trip", "ms", 110, subject=PosternDatabase.name,
                against=None),
        at_most("first row at 50 ms, end to end, ms", "first row at 50 ms round trip", "ms", 160, subject=PosternEndToEnd.name,
                against=None),
        at_least("audit on against off, connection rate", audit_row, "connections/s", 0.95, **unaudited),
        at_most("audit on against off, CPU per connection", audit_row, per, 1 / 0.95, **unaudited),
        at_least("10,000 rules against 1, connection rate", by_rules, "connections/s", 0.95, **rules),
        at_most("10,000 rules against 1, CPU per connection", by_rules, per, 1 / 0.95, **rules),
        at_least("100,000 revoked against none, connection rate", by_revoked, "connections/s", 0.95, **revoked),
        at_most("100,000 revoked against none, CPU per connection", by_revoked, per, 1 / 0.95, **revoked),
    ]


def judge(target: Target, summary: dict) -> dict | None:
    """What was measured beside what is wanted; nothing when its row was not run."""
    found = summary.get(target.row, {}).get(target.metric)
    if found is None or target.subject not in found["subjects"]:
        return None
    against = found["best_peer"] if target.against == "best peer" else target.against
    own = found["subjects"][target.subject]["median"]
    if target.against is not None and against not in found["subjects"]:
        return None
    other = found["subjects"][against]["median"] if against else None
    if other == 0 or own == 0:
        return None
    figure = own / other if other is not None else own
    if target.against in VARIANTS:
        # They differ by less than the machine does from minute to minute: compared within each round, where one follows the other.
        pairs = zip(*(found["subjects"][name]["rounds"] for name in (target.subject, against)))
        figure = statistics.median(one / another for one, another in pairs)
    missed_by = target.limit / figure - 1 if target.at_least else figure / target.limit - 1
    return {"what": target.what, "wanted": target.limit, "at_least": target.at_least, "is_ratio": against is not None, "figure": figure,
            "own": own, "against": against, "other": other, "is_met": missed_by <= 0, "missed_by": max(missed_by, 0.0)}


def judge_all(summary: dict) -> list[dict]:
    return [judged for target in all_targets() if (judged := judge(target, summary)) is not None]

"""The driver of scripts/bench: runs the rows, keeps what each round gave, writes Markdown and JSON."""

import argparse
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import report
import rows
import targets
from postern import Postern
from stage import Stage

ROWS = {
    "floors": rows.floors,
    "bulk": rows.bulk,
    "cold": rows.cold_connections,
    "users": rows.connections_of_users,
    "round-trips": rows.round_trips,
    "memory": rows.memory,
    "pgbench": rows.pgbench,
    "distance": rows.distance,
    "audit": rows.audit,
    "growth": rows.growth,
}
# A machine that did other work meanwhile is no place to compare on; a virtual one shares its cores with others out of sight.
BUSY_BEFORE = 0.5
STOLEN = 0.03


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/bench", description="Postern beside the other proxies, on this machine.")
    parser.add_argument("--quick", action="store_true", help="fewer rounds, smaller amounts: under five minutes")
    parser.add_argument("--smoke", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--rounds", type=int, help="default: 5; 2 with --quick")
    parser.add_argument("--row", action="append", choices=sorted(ROWS), help="only this one; may be repeated")
    parser.add_argument("--only", action="append", help="only subjects whose name begins so; may be repeated")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results", help="default: bench/results")
    parser.add_argument("--any-build", action="store_true", help="measure a build that is no release build, and say so in the results")
    parser.add_argument("--binaries", type=Path, required=True, help=argparse.SUPPRESS)
    return parser.parse_args()


def build_of(binaries: Path) -> str:
    """What CMake was asked for: Release, Debug, with or without sanitizers."""
    cache = (binaries.parent / "CMakeCache.txt").read_text()
    kind = re.search(r"^CMAKE_BUILD_TYPE:\w+=(.*)$", cache, re.M).group(1)
    sanitizers = re.search(r"^POSTERN_SANITIZE:\w+=(.+)$", cache, re.M)
    return f"{kind} with {sanitizers.group(1)} sanitizers" if sanitizers else kind


def end_in_order(number: int, _frame) -> None:
    sys.exit(128 + number)


def measure(options: argparse.Namespace, stage: Stage, notes: dict) -> dict:
    results = report.Results()
    notes["seconds_by_row"] = {}
    for name, row in ROWS.items():
        if options.row and name not in options.row:
            continue
        started = time.monotonic()
        print(f"{name} …", end="", flush=True)
        row(stage, results)
        notes["seconds_by_row"][name] = round(time.monotonic() - started)
        print(f" {notes['seconds_by_row'][name]} s", flush=True)
    return results.summary()


def main() -> int:
    options = parse()
    build = build_of(options.binaries.resolve())
    if build != "Release" and not options.any_build:
        sys.exit(f"bench: {options.binaries} is a {build} build: its figures say nothing about what is installed.\n"
                 "Run scripts/bench without --no-build, or with --any-build to measure it all the same.")
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, end_in_order)
    kind = "smoke" if options.smoke else "quick" if options.quick else "full"
    rounds = options.rounds or {"smoke": 1, "quick": 2, "full": 5}[kind]
    # A run of a part does not take the place of a whole one.
    name = f"{kind}-part" if options.row or options.only else kind
    notes = report.machine(name, rounds, build)
    began, ticks = time.monotonic(), report.cpu_times()
    folder = Path(tempfile.mkdtemp(prefix="postern-bench."))
    folder.chmod(0o755)
    Postern.binaries = options.binaries.resolve()
    stage = None
    try:
        stage = Stage(folder, options.binaries.resolve(), kind, rounds, options.only)
        summary = measure(options, stage, notes)
    finally:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        if stage:
            stage.close()
        shutil.rmtree(folder, ignore_errors=True)
    notes["seconds"] = round(time.monotonic() - began)
    all_ticks, stolen_ticks = (now - was for now, was in zip(report.cpu_times(), ticks))
    notes["stolen"] = stolen_ticks / all_ticks
    notes["warnings"] = warnings_about(notes)
    judged = targets.judge_all(summary)
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / f"{name}.json").write_text(report.to_json(notes, summary, judged))
    markdown = report.to_markdown(notes, summary, judged)
    (options.out / f"{name}.md").write_text(markdown)
    print("\n" + markdown)
    print(f"Written to {options.out}/{name}.md and {name}.json")
    return 0


def warnings_about(notes: dict) -> list[str]:
    warnings = []
    if notes["build"] != "Release":
        warnings.append(f"This is a {notes['build']} build. Nothing below says anything about what is installed.")
    if notes["load_before"] > BUSY_BEFORE:
        warnings.append(f"The machine was busy before this began (load average {notes['load_before']:.1f}): ratios may be off.")
    if notes["stolen"] > STOLEN:
        warnings.append(f"{notes['stolen'] * 100:.0f} % of the CPU time was taken by the machine below this virtual one.")
    return warnings


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
    except subprocess.CalledProcessError as error:
        errors = error.stderr or b""
        text = errors if isinstance(errors, str) else errors.decode(errors="replace")
        sys.exit(f"bench: {' '.join(map(str, error.cmd))} failed: {text.strip()}")
    except subprocess.TimeoutExpired as error:
        sys.exit(f"bench: {' '.join(map(str, error.cmd))} did not end in time")
    except RuntimeError as error:
        sys.exit(f"bench: {error}")

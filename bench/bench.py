"""The driver of scripts/bench: runs the rows, keeps what each round gave, writes Markdown and JSON."""

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import report
import rows
from pki import Pki
from stage import Stage

ROWS = {
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


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/bench", description="Postern beside the other proxies, on this machine.")
    parser.add_argument("--quick", action="store_true", help="fewer rounds, smaller amounts: under five minutes")
    parser.add_argument("--rounds", type=int, help="default: 5; 3 with --quick")
    parser.add_argument("--row", action="append", choices=sorted(ROWS), help="only this one; may be repeated")
    parser.add_argument("--only", action="append", help="only subjects whose name begins so; may be repeated")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results", help="default: bench/results")
    parser.add_argument("--binaries", type=Path, required=True, help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> int:
    options = parse()
    rounds = options.rounds or (3 if options.quick else 5)
    began = time.monotonic()
    folder = Path(tempfile.mkdtemp(prefix="postern-bench."))
    folder.chmod(0o755)
    notes = report.machine(options.quick, rounds)
    results = report.Results()
    stage = Stage(folder, options.binaries.resolve(), Pki(folder / "pki"), options.quick, rounds, options.only)
    try:
        for name, row in ROWS.items():
            if options.row and name not in options.row:
                continue
            started = time.monotonic()
            print(f"{name} …", end="", flush=True)
            row(stage, results)
            print(f" {time.monotonic() - started:.0f} s", flush=True)
    finally:
        stage.close()
        shutil.rmtree(folder, ignore_errors=True)
    notes["seconds"] = round(time.monotonic() - began)
    options.out.mkdir(parents=True, exist_ok=True)
    name = "quick" if options.quick else "full"
    (options.out / f"{name}.json").write_text(results.to_json(notes))
    markdown = results.to_markdown(notes)
    (options.out / f"{name}.md").write_text(markdown)
    print("\n" + markdown)
    print(f"Written to {options.out}/{name}.md and {name}.json")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except subprocess.CalledProcessError as error:
        errors = error.stderr or b""
        text = errors if isinstance(errors, str) else errors.decode(errors="replace")
        sys.exit(f"bench: {error.cmd[0]} failed: {text.strip()}")
    except RuntimeError as error:
        sys.exit(f"bench: {error}")

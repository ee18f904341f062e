"""What the rounds gave, as Markdown for people and JSON for programs: medians, the spread, and Postern's ratio to the best peer."""

import json
import os
import platform
import statistics
import subprocess
import time

PEERS = {"nginx", "haproxy", "hitch", "stunnel", "ghostunnel"}
# In these more is better; in all others less.
RATES = {"GB/s", "connections/s", "round trips/s", "transactions/s"}


def machine(kind: str, rounds: int, build: str) -> dict:
    def first_line(*command: str) -> str:
        done = subprocess.run(command, capture_output=True, text=True)
        return (done.stdout + done.stderr).strip().splitlines()[0]

    model = next((line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "?")
    packages = ["nginx", "haproxy", "hitch", "stunnel4", "postgresql-15"]
    versions = subprocess.run(["dpkg-query", "-W", "-f", "${Package} ${Version}\n", *packages], capture_output=True, text=True)
    peers = versions.stdout.strip().splitlines()
    if os.environ.get("GHOSTUNNEL"):
        peers.append("ghostunnel " + first_line(os.environ["GHOSTUNNEL"], "--version").removeprefix("ghostunnel "))
    return {
        "when": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
        "machine": f"{model}, {os.cpu_count()} cores, Linux {platform.release()}",
        "openssl": first_line("openssl", "version"),
        "peers": peers,
        "kind": kind,
        "build": build,
        "rounds": rounds,
        "load_before": os.getloadavg()[0],
    }


def cpu_times() -> tuple[int, int]:
    """Since the start of the machine, in ticks: all of it, and what the machine below took away."""
    fields = [int(word) for word in open("/proc/stat").readline().split()[1:9]]
    return sum(fields), fields[7]


def shown(value: float) -> str:
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.1f}" if abs(value) >= 10 else f"{value:.3g}"


class Results:
    def __init__(self):
        # row -> metric -> subject -> what each round gave
        self.rows: dict[str, dict[str, dict[str, list[float]]]] = {}

    def note(self, row: str, metric: str, subject: str, value: float) -> None:
        self.rows.setdefault(row, {}).setdefault(metric, {}).setdefault(subject, []).append(value)

    @staticmethod
    def best_peer(metric: str, medians: dict[str, float]) -> str | None:
        peers = {name: value for name, value in medians.items() if name in PEERS}
        if not peers:
            return None
        return (max if metric in RATES else min)(peers, key=peers.get)

    def summary(self) -> dict:
        out: dict = {}
        for row, metrics in self.rows.items():
            for metric, by_subject in metrics.items():
                medians = {name: statistics.median(values) for name, values in by_subject.items()}
                best = self.best_peer(metric, medians)
                out.setdefault(row, {})[metric] = {
                    "best_peer": best,
                    "subjects": {name: {"median": medians[name], "least": min(values), "most": max(values), "rounds": values,
                                        "ratio": medians[name] / medians[best] if best and medians[best] else None}
                                 for name, values in by_subject.items()},
                }
        return out


def to_json(notes: dict, summary: dict, targets: list[dict]) -> str:
    return json.dumps({"notes": notes, "targets": targets, "rows": summary}, indent=1, ensure_ascii=False) + "\n"


def to_markdown(notes: dict, summary: dict, targets: list[dict]) -> str:
    lines = [f"# Postern beside its peers ({notes['kind']})", ""]
    lines += [f"**{warning}**\n" for warning in notes.get("warnings", [])]
    lines += [f"{notes['when']}; {notes['machine']}; {notes['openssl']}; {notes['build']} build; {notes['rounds']} rounds; "
              f"{notes['seconds']} s; load average before: {notes['load_before']:.1f}.", "", f"Peers: {', '.join(notes['peers'])}.", ""]
    if targets:
        met = sum(target["is_met"] for target in targets)
        lines += ["## What is to be reached", "", f"{met} of {len(targets)} met.", "", "| | wanted | measured | | |",
                  "| --- | --- | --- | --- | --- |", *map(target_line, targets), ""]
    lines += ["Medians; in brackets the least and the most of the rounds; × is the ratio to the best peer (bold) in that line.", ""]
    for row, metrics in summary.items():
        names = list(dict.fromkeys(name for metric in metrics.values() for name in metric["subjects"]))
        lines += [f"## {row[0].upper() + row[1:]}", "", "| | " + " | ".join(names) + " |", "| --- " * (len(names) + 1) + "|"]
        for metric, found in metrics.items():
            lines.append("| " + " | ".join([metric, *(cell(found, name) for name in names)]) + " |")
        lines.append("")
    return "\n".join(lines)


def target_line(target: dict) -> str:
    times = " ×" if target["is_ratio"] else ""
    sign = "≥" if target["at_least"] else "≤"
    digits = f"{target['figure']:.2f}" if target["is_ratio"] else shown(target["figure"])
    wanted = f"{target['wanted']:.2f}" if target["is_ratio"] else shown(target["wanted"])
    beside = f"{shown(target['own'])} against {shown(target['other'])} ({target['against']})" if target["is_ratio"] else ""
    verdict = "met" if target["is_met"] else f"**missed by {target['missed_by'] * 100:.0f} %**"
    return f"| {target['what']} | {sign} {wanted}{times} | {digits}{times} | {beside} | {verdict} |"


def cell(found: dict, name: str) -> str:
    if name not in found["subjects"]:
        return ""
    value = found["subjects"][name]
    text = shown(value["median"])
    if name == found["best_peer"]:
        text = f"**{text}**"
    elif name not in PEERS and value["ratio"] is not None:
        text += f" (× {value['ratio']:.2f})"
    return f"{text} [{shown(value['least'])}–{shown(value['most'])}]"

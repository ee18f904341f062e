"""One of the two halves of a subject: a process with its children, what they cost, and their end."""

import contextlib
import os
import select
import signal
import socket
import subprocess
import time
from pathlib import Path

# Should the driver be killed, what it started goes, too.
DIES_WITH_DRIVER = ["setpriv", "--pdeathsig", "TERM", "--"]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(is_ready, process: subprocess.Popen, log: Path, seconds: float = 30) -> None:
    """Until `is_ready()`; raises with the log when the process ends or takes too long."""
    end = time.monotonic() + seconds
    while process.poll() is None and time.monotonic() < end:
        if is_ready():
            return
        time.sleep(0.02)
    raise RuntimeError(f"{process.args[-1]} did not start; its log:\n{log.read_text()[-4000:]}")


def accepts(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def line_of(process: subprocess.Popen, seconds: float = 180) -> str:
    """The next line that the process says; empty when it says none in time."""
    ready, _, _ = select.select([process.stdout], [], [], seconds)
    return process.stdout.readline() if ready else ""


def told(path: Path) -> str:
    """What /proc says; nothing of a thread that has just ended."""
    try:
        return path.read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""


class Side:
    def __init__(self, command: list[str], folder: Path, name: str, port: int, ends_threads: bool = False, environment: dict | None = None,
                 open_port=None):
        """`ends_threads`: each connection is a thread of its own. `open_port(process, log)`: what makes it listen, when it does
        not by itself."""
        self.ends_threads = ends_threads
        self.port = port
        self.log = folder / f"{name}.log"
        with self.log.open("w") as log:
            self.process = subprocess.Popen([*DIES_WITH_DRIVER, *command], stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=folder,
                                            start_new_session=True, env={**os.environ, **(environment or {})})
        try:
            if open_port:
                open_port(self.process, self.log)
            wait_for(lambda: accepts(port), self.process, self.log)
        except BaseException:
            self.stop()
            raise

    def pids(self) -> list[int]:
        found = [self.process.pid]
        for pid in found:
            for task in Path(f"/proc/{pid}/task").glob("*/children"):
                found += [int(child) for child in told(task).split()]
        return found

    def cpu_seconds(self) -> float:
        """To the nanosecond where threads stay; to a hundredth of a second where each connection is a thread that ends."""
        if self.ends_threads:
            times = [Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split() for pid in self.pids()]
            return sum(int(time[11]) + int(time[12]) for time in times) / os.sysconf("SC_CLK_TCK")
        total = 0
        for pid in self.pids():
            for task in Path(f"/proc/{pid}/task").glob("*/schedstat"):
                total += int((told(task) or "0").split()[0])
        return total / 1e9

    def pss_kib(self) -> int:
        total = 0
        for pid in self.pids():
            for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1])
        return total

    def open_files(self) -> int:
        return sum(len(os.listdir(f"/proc/{pid}/fd")) for pid in self.pids())

    def pin(self, cores: set[int]) -> None:
        for pid in self.pids():
            pin_process(pid, cores)

    def stop(self) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGTERM)
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()


def pin_process(pid: int, cores: set[int]) -> None:
    for task in os.listdir(f"/proc/{pid}/task"):
        with contextlib.suppress(ProcessLookupError, FileNotFoundError):
            os.sched_setaffinity(int(task), cores)

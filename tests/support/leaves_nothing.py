#!/usr/bin/python3
"""Runs a test and sees to it that nothing of it stays: no process, no mount, no network namespace, no temporary file.

    leaves_nothing.py [--tell SECONDS] COMMAND [ARGUMENT…]

The test has a TMPDIR of its own. What it leaves behind is named, ended and removed, and makes a run that passed a failure (exit
code 1). A test that fails, or that is interrupted (SIGINT, SIGTERM, SIGHUP), is cleaned up after in the same way, and keeps its own
exit code (128 + the signal).

--tell SECONDS: the command is ctest; after that long without a line of it, one says which tests are running.
"""
import ctypes
import os
import pathlib
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time

PR_SET_CHILD_SUBREAPER = 36
# What has been told to end may take that long, and what was interrupted that long to clean up by itself.
GRACE, GRACE_OF_INTERRUPTED = 5.0, 20.0


def warn(text):
    print(f"leaves_nothing: {text}", file=sys.stderr, flush=True)


def processes():
    """The parent of each process, by its pid."""
    found = {}
    for folder in pathlib.Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                parent = (folder / "stat").read_text().rpartition(")")[2].split()[1]
            except OSError:
                continue
            found[int(folder.name)] = int(parent)
    return found


def descendants():
    """Every process below this one, also one that has ended and was not waited for. Orphans are its children: it is their subreaper
    (prctl(2))."""
    table = processes()

    def is_below(pid):
        while pid in table:
            pid = table[pid]
            if pid == os.getpid():
                return True
        return False

    return [pid for pid in table if is_below(pid)]


def command_line(pid):
    try:
        words = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        return " ".join(word.decode(errors="replace") for word in words if word)[:200]
    except OSError:
        return "?"


def reap():
    """Orphans that have ended. Only called when the command itself was waited for."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0] != 0:
            pass
    except ChildProcessError:
        pass


def wait_for_end(seconds):
    end = time.monotonic() + seconds
    while True:
        reap()
        left = descendants()
        if not left or time.monotonic() > end:
            return left
        time.sleep(0.05)


def end_processes(grace):
    """Those that did not end by themselves, by name."""
    left = wait_for_end(grace)
    names = [f"process {pid}: {command_line(pid)}" for pid in left]
    for number, patience in ((signal.SIGTERM, 2.0), (signal.SIGKILL, 5.0)):
        for pid in left:
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                pass
        left = wait_for_end(patience) if left else []
    return names


def end_mounts(folder):
    below = str(folder) + "/"
    lines = pathlib.Path("/proc/self/mountinfo").read_text().splitlines()
    mounts = [line.split()[4] for line in lines]
    mounts = [mount for mount in mounts if mount.startswith(below)]
    for mount in reversed(mounts):
        subprocess.run(["umount", "--lazy", mount], check=False)
    return [f"mount {mount}" for mount in mounts]


def end_namespaces(pid):
    """The tests' network namespaces have the pid of their test in the name."""
    folder = pathlib.Path("/run/netns")
    names = [entry.name for entry in folder.iterdir()] if folder.is_dir() else []
    names = [name for name in names if re.search(rf"(?<!\d){pid}(?!\d)", name)]
    for name in names:
        subprocess.run(["ip", "netns", "delete", name], check=False)
    return [f"network namespace {name}" for name in names]


def end_files(folder):
    names = [f"{folder / entry.name}" for entry in folder.iterdir()]
    # Never through something that is still mounted.
    subprocess.run(["rm", "-rf", "--one-file-system", folder], check=False)
    return names


class RunningTests:
    """What ctest's lines say of the tests that are under way."""

    def __init__(self):
        self.since = {}

    def read(self, line):
        started = re.match(r" *Start +\d+: (\S+)", line)
        ended = re.match(r" *\d+/\d+ Test +#\d+: (\S+)", line)
        if started:
            self.since[started[1]] = time.monotonic()
        elif ended:
            self.since.pop(ended[1], None)

    def __str__(self):
        return ", ".join(f"{name} ({time.monotonic() - since:.0f} s)" for name, since in self.since.items())


def pass_on(child, pause):
    """Prints the child's lines, and which tests run when there was none for that many seconds."""
    running, rest = RunningTests(), b""
    while True:
        if not select.select([child.stdout], [], [], pause)[0]:
            if running.since:
                print(f"      … {running}", flush=True)
            continue
        data = os.read(child.stdout.fileno(), 65536)
        if not data:
            return
        sys.stdout.buffer.write(data)
        sys.stdout.flush()
        *lines, rest = (rest + data).split(b"\n")
        for line in lines:
            running.read(line.decode(errors="replace"))


class Interrupted(Exception):
    pass


def run(command, folder, pause):
    """The exit code of the command, its pid, and the signal that this process was sent meanwhile, or 0."""
    child, caught = None, 0

    def interrupt(number, _):
        raise Interrupted(number)

    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    for number in numbers:
        signal.signal(number, interrupt)
    try:
        child = subprocess.Popen(command, env={**os.environ, "TMPDIR": str(folder)},
                                 stdout=subprocess.PIPE if pause else None)
        if pause:
            pass_on(child, pause)
        child.wait()
    except Interrupted as interrupted:
        caught = interrupted.args[0]
        for number in numbers:
            signal.signal(number, signal.SIG_IGN)
        if child:
            child.send_signal(caught)
            try:
                child.communicate(timeout=GRACE_OF_INTERRUPTED)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
    for number in numbers:
        signal.signal(number, signal.SIG_IGN)
    code = child.returncode if child else 0
    return (128 - code if code < 0 else code), child.pid if child else 0, caught


def main():
    arguments, pause = sys.argv[1:], None
    if arguments[:1] == ["--tell"]:
        pause, arguments = float(arguments[1]), arguments[2:]
    if not arguments or arguments[0].startswith("-"):
        print(__doc__.strip(), file=sys.stderr)
        return 2
    if not shutil.which(arguments[0]):
        warn(f"there is no program {arguments[0]}")
        return 127
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        warn("cannot become the reaper of orphans")
        return 1
    # Short: a socket's path has 107 bytes at most. Open to others: PostgreSQL's user has its folder in there.
    folder = pathlib.Path(tempfile.mkdtemp(prefix="pt.", dir="/tmp"))
    folder.chmod(0o1777)
    code, pid, caught = run(arguments, folder, pause)
    left = end_processes(0 if caught else GRACE) + end_mounts(folder) + end_namespaces(pid) + end_files(folder)
    for name in left:
        warn(f"{'ended' if caught else 'was left'}: {name}")
    if caught:
        return 128 + caught
    return 1 if code == 0 and left else code


sys.exit(main())

#!/usr/bin/python3
"""The README's "Five minutes on three machines", and the steps of docs/renewal.md, line by line, on three machines: each a Debian
tree of its own, booted by systemd, on one network. What a person types at a prompt stands in ANSWERS; everything else is what the
pages say.

    readme_test.py BUILD_DIR

Needs root, debootstrap and systemd-nspawn.
"""
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
SOURCE = HERE.parents[2]
SETTING_UP = ("README.md", "## Five minutes on three machines")
RENEWING = ("docs/renewal.md", "## Step by step")
MACHINES = {"ca": ("ca.example.org", "10.213.0.1"), "gw": ("gw1.example.org", "10.213.0.2"), "laptop": ("laptop", "10.213.0.3")}
LOGIN_PASSWORD, DATABASE_PASSWORD = "alice-login", "alice-database"
AT_PSQL = [["Password", DATABASE_PASSWORD + "\n"], ["orders=>", "select 'let ' || 'in';\n"], ["let in", "\\q\n"]]
# By a part of the command: what a person waits for, and types then.
ANSWERS = {
    "postern-ca user add": [["New password", LOGIN_PASSWORD + "\n"], ["again", LOGIN_PASSWORD + "\n"]],
    " enroll ": [["Token", "{token}\n"]],
    "createuser": [["Enter password", DATABASE_PASSWORD + "\n"], ["again", DATABASE_PASSWORD + "\n"]],
    "postern login": [["Password", LOGIN_PASSWORD + "\n"]],
    "psql ": AT_PSQL,
}
# What the person changes in gateway.toml with $EDITOR, as the README says beside it.
EDITOR = "#!/bin/sh\nsed -i -e 's|db1.example.org:5432|127.0.0.1:5432|' \"$1\"\n"


class Failed(Exception):
    pass


def run(*command, **options):
    return subprocess.run([str(c) for c in command], check=True, text=True, **options)


class Machine:
    def __init__(self, name, work, bridge, tree, stage):
        self.name, self.work = name, work / name
        self.host, self.address = MACHINES[name]
        self.network = f"{bridge}-{name}"
        self.root = self.work / "root"
        for folder in ("root", "layers"):
            (self.work / folder).mkdir(parents=True)
        run("mount", "-t", "tmpfs", "-o", "size=1g,mode=0755", "postern-readme-test", self.work / "layers")
        for folder in ("upper", "work"):
            (self.work / "layers" / folder).mkdir()
        layers = self.work / "layers"
        run("mount", "-t", "overlay", "overlay", "-o",
            f"lowerdir={stage}:{tree},upperdir={layers}/upper,workdir={layers}/work", self.root)
        hosts = "127.0.0.1 localhost\n::1 localhost\n" + "".join(f"{a} {h}\n" for h, a in MACHINES.values())
        (self.root / "etc/hosts").write_text(hosts)
        (self.root / "etc/hostname").write_text(self.host.split(".")[0] + "\n")
        run("ip", "netns", "add", self.network)
        run("ip", "-n", bridge, "link", "add", f"v-{name}", "type", "veth", "peer", "name", "host0", "netns", self.network)
        run("ip", "-n", bridge, "link", "set", f"v-{name}", "master", "br0", "up")
        run("ip", "-n", self.network, "address", "add", f"{self.address}/24", "dev", "host0")
        for device in ("lo", "host0"):
            run("ip", "-n", self.network, "link", "set", device, "up")
        self.console = open(self.work / "console.log", "w")
        self.process = subprocess.Popen(
            ["systemd-nspawn", "--quiet", "--boot", f"--machine=postern-readme-{os.getpid()}-{name}", "--register=no", "--keep-unit",
             f"--network-namespace-path=/run/netns/{self.network}", f"--directory={self.root}", "--console=pipe"],
            stdin=subprocess.DEVNULL, stdout=self.console, stderr=subprocess.STDOUT)
        self.leader = None
        self.left_running = []

    def wait_booted(self):
        end = time.monotonic() + 60
        while time.monotonic() < end:
            children = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
            if children:
                self.leader = children[0]
                state = subprocess.run(self.enter(["systemctl", "is-system-running"]), capture_output=True, text=True).stdout.strip()
                if state in ("running", "degraded"):
                    return
            time.sleep(0.2)
        raise Failed(f"{self.name} does not boot: " + (self.work / "console.log").read_text()[-2000:])

    def write(self, path, text, mode):
        file = self.root / path.lstrip("/")
        file.write_text(text)
        file.chmod(mode)

    def enter(self, command, user="root"):
        home = "/root" if user == "root" else f"/home/{user}"
        as_user = [] if user == "root" else ["setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups"]
        environment = ["env", "-i", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", f"HOME={home}", f"USER={user}",
                       "TERM=xterm", "LC_ALL=C.UTF-8", "PAGER=cat", "EDITOR=/root/editor"]
        if user != "root":
            environment.append("XDG_RUNTIME_DIR=/run/user/1000")
        return ["nsenter", f"--target={self.leader}", "--all", "--wdns=/", *as_user, *environment, *command]

    def type(self, command, answers=(), user="root", folder="~"):
        """At a terminal. What it shows."""
        result = subprocess.run(
            [sys.executable, SOURCE / "tests/support/at_terminal.py", "120", json.dumps(list(answers)),
             *self.enter(["bash", "-c", f"cd {folder} && {command}"], user)],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120)
        shown = result.stdout.replace("\r", "")
        print(f"\n[{self.host}] {user}$ {command}\n{shown}", end="", flush=True)
        if result.returncode != 0:
            raise Failed(f"exit code {result.returncode} of: {command}")
        return shown

    def leave_running(self, command, user, until):
        """In another terminal, until it shows that text."""
        process = subprocess.Popen(self.enter(["bash", "-c", f"cd && {command}"], user), stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.left_running.append(process)
        print(f"\n[{self.host}] {user}$ {command}")
        for line in process.stdout:
            print(line, end="", flush=True)
            if until in line:
                return
        raise Failed(f"it ended: {command}")

    def stop(self):
        # The command itself is a child of this nsenter and of another process namespace: it ends with the machine.
        for process in self.left_running:
            process.kill()
            process.wait()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        if self.leader:
            # The first process of the machine, with which all others of it end. It may outlive systemd-nspawn.
            try:
                os.kill(int(self.leader), signal.SIGKILL)
            except ProcessLookupError:
                pass
        for folder in (self.root, self.work / "layers"):
            if subprocess.run(["umount", folder], stderr=subprocess.DEVNULL).returncode != 0:
                subprocess.run(["umount", "--lazy", folder], stderr=subprocess.DEVNULL)
        subprocess.run(["ip", "netns", "del", self.network])


def commands(block):
    """The commands of a block: lines, with what their continuations and here-documents add."""
    lines = block.split("\n")
    while lines:
        command = lines.pop(0)
        here = re.search(r"<<'?(\w+)'?", command)
        while command.endswith("\\"):
            command += "\n" + lines.pop(0)
        while here and not command.endswith("\n" + here.group(1)):
            command += "\n" + lines.pop(0)
        if command.strip():
            yield command


def main():
    if os.geteuid() != 0 or not shutil.which("systemd-nspawn"):
        sys.exit("readme test: error: it needs root and systemd-nspawn: run scripts/install-deps --tests")
    build = pathlib.Path(sys.argv[1]).resolve()
    tree = run(HERE / "make_tree.sh", capture_output=True).stdout.strip()
    work = pathlib.Path(tempfile.mkdtemp(prefix="postern-readme."))
    bridge = f"postern-{os.getpid()}"
    machines = {}
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    try:
        run("cmake", "--install", build, env={**os.environ, "DESTDIR": str(work / "stage")}, stdout=subprocess.DEVNULL)
        for tray in (work / "stage").rglob("postern-tray"):
            if tray.is_file():
                tray.unlink()
        run("ip", "netns", "add", bridge)
        run("ip", "-n", bridge, "link", "add", "br0", "type", "bridge")
        run("ip", "-n", bridge, "link", "set", "br0", "up")
        for name in MACHINES:
            machines[name] = Machine(name, work, bridge, tree, work / "stage")
        for machine in machines.values():
            machine.wait_booted()
        machines["gw"].write("/root/editor", EDITOR, 0o755)
        for name in ("ca", "laptop"):
            machines[name].type("systemctl stop postgresql")
        machines["laptop"].type("useradd --create-home --uid 1000 --shell /bin/bash alice && "
                                "install -d -m 0700 -o alice -g alice /run/user/1000")
        follow(machines)
        print("\nreadme test: passed")
    except (Failed, subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        print(f"\nreadme test: error: {error}", file=sys.stderr)
        for machine in machines.values():
            if machine.leader:
                subprocess.run(machine.enter(["journalctl", "--no-pager", "-o", "cat", "-n", "30", "-u", "postern-*"]),
                               stderr=subprocess.DEVNULL)
        return 1
    finally:
        for machine in machines.values():
            machine.stop()
        subprocess.run(["ip", "netns", "del", bridge], stderr=subprocess.DEVNULL)
        # Never through something that is still mounted.
        subprocess.run(["rm", "-rf", "--one-file-system", work])
    return 0


def section(page, title):
    text = (SOURCE / page).read_text()
    text = text[text.index(title) + len(title):]
    return text[:text.index("\n## ")]


def follow(machines):
    ca, gateway, laptop = machines["ca"], machines["gw"], machines["laptop"]
    # Who follows which of the step's blocks, by the number that the step has.
    people = {"1": (ca, "root"), "2": (gateway, "root"), "3": (laptop, "alice")}
    said = {"sha256:…": "sha256:…"}
    for step in re.split(r"\n\*\*(?=\d\. )", section(*SETTING_UP))[1:]:
        machine, user = people[step[0]]
        for language, block in re.findall(r"```(sh|ini)\n(.*?)```", step, re.S):
            if language == "ini":
                write_settings(machine, block)
            else:
                follow_block(machine, user, block, ca, said)
    # The database is the one that the example of gateway.toml names.
    laptop.type("postern psql orders-db", AT_PSQL, "alice")
    for block in re.findall(r"```sh\n(.*?)```", section(*RENEWING), re.S):
        follow_block(gateway, "root", block, ca, said)
    laptop.type("postern psql orders-db -- -d orders", AT_PSQL, "alice")
    gateway.type("postern-audit query /var/log/postern-gateway/audit.jsonl --service orders-db | grep 'accepted.*alice'")


def follow_block(machine, user, block, ca, said):
    folder = "~"
    for command in commands(block):
        on_ca = re.match(r"# on the CA: +(.*)", command)
        if on_ca:
            said["token"] = re.search(r"^\S{20,}$", ca.type(on_ca.group(1)), re.M).group(0)
            continue
        command = command.replace("sha256:…", said["sha256:…"])
        if command.startswith("postern connect "):
            machine.leave_running(command, user, "orders-db is at localhost:5432")
            continue
        answers = next((typed for part, typed in ANSWERS.items() if part in command), [])
        shown = machine.type(command, [[wait, text.format(**said)] for wait, text in answers], user, folder)
        for secret in (LOGIN_PASSWORD, DATABASE_PASSWORD, said.get("token")):
            if secret and secret in shown:
                raise Failed(f"a secret is on the screen after: {command}")
        moved = re.match(r"cd (\S+) ", command)
        folder = moved.group(1) if moved else folder
        if "postern-ca init" in command:
            said["sha256:…"] = re.search(r"sha256:[0-9a-f]{64}", shown).group(0)


def write_settings(machine, block):
    """The block's comments say where each part goes."""
    target = None
    for line in block.strip().split("\n"):
        if line.startswith("# at the end of "):
            target = line.removeprefix("# at the end of ")
        elif line.startswith("# in "):
            target = re.match(r"# in (\S+), in place of the lines that begin with \"host\"", line).group(1)
            path = machine.root / target.lstrip("/")
            path.write_text("".join(l for l in path.read_text().splitlines(True) if not l.startswith("host")))
        else:
            with open(machine.root / target.lstrip("/"), "a") as file:
                file.write(line + "\n")


sys.exit(main())

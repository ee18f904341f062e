#!/usr/bin/python3
"""Runs a command at a terminal of its own, as a person: waits for a text, types an answer, and so on.

    at_terminal.py COLUMNS '[["Password", "secret\\n"], …]' COMMAND ARGUMENT…

Prints all that the terminal showed; exits as the command does (128 + signal). A text that does not come within 30 s is an error (99).
"""
import fcntl
import json
import os
import pty
import select
import struct
import sys
import termios
import time

PATIENCE = 30


def main():
    columns, steps, command = int(sys.argv[1]), json.loads(sys.argv[2]), sys.argv[3:]
    child, terminal = pty.fork()
    if child == 0:
        os.execvp(command[0], command)
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    shown, seen, code = b"", 0, None
    end = time.monotonic() + PATIENCE
    while True:
        # What was shown before the last answer does not count.
        while steps and steps[0][0].encode() in shown[seen:]:
            seen += shown[seen:].index(steps[0][0].encode()) + len(steps[0][0].encode())
            os.write(terminal, steps.pop(0)[1].encode())
            end = time.monotonic() + PATIENCE
        if time.monotonic() > end:
            code = 99
            break
        if not select.select([terminal], [], [], 0.1)[0]:
            continue
        try:
            block = os.read(terminal, 4096)
        except OSError:  # the last program has left the terminal
            break
        if not block:
            break
        shown += block
    sys.stdout.buffer.write(shown)
    if code is None:
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        code = code if code >= 0 else 128 - code
        if steps:
            sys.stdout.write(f"\nnever shown: {steps[0][0]}\n")
            code = 99
    else:
        os.kill(child, 9)
        sys.stdout.write(f"\nnever shown: {steps[0][0] if steps else '(the end)'}\n")
    sys.exit(code)


main()

#!/usr/bin/python3
"""Writes into a CA's store what a service that was broken into could. hostile_store.py STATE.DB"""
import json
import sqlite3
import sys

EVIL = "evil\x1b[2J\x07\u009b31m\u202egnp\nhint: run rm\u2066"
LATER, NOW = 4_000_000_000_000_000, 1_790_000_000_000_000

store = sqlite3.connect(sys.argv[1])
names = json.dumps([EVIL])
for table, row in [("users", (EVIL, "x", 0, 1, 1)),
                   ("user_groups", (EVIL, EVIL)),
                   ("sessions", (EVIL, EVIL, 1, LATER, 0)),
                   ("certificates", (EVIL, EVIL, EVIL, 1, LATER, NOW, 0, 0, 0)),
                   ("server_certificates", (EVIL, "gateway", EVIL, names, LATER, NOW, names)),
                   ("enrolment_tokens", ("0123456789abcdef", "gateway", EVIL, names, 1, LATER, 0, names)),
                   ("gateway_lists", (EVIL, 0, NOW))]:
    store.execute(f"insert into {table} values ({', '.join('?' * len(row))})", row)
store.commit()

#!/usr/bin/python3
"""An agent whose every text would do something to a terminal. hostile_agent.py SOCKET: serves until it is ended."""
import json
import os
import socket
import sys
import threading

EVIL = "evil\x1b[2J\x07\u009b31m\u202egnp\nhint: run rm\u2066"


def service(state="connected"):
    port = {"mode": "end_to_end", "port": 5999, "socket": None, "kept": True, "user": EVIL, "database": EVIL, "user_map": False,
            "commands": {"psql": "psql " + EVIL, "jdbc": "jdbc:" + EVIL, "dsn": EVIL, "env": EVIL, "socket": EVIL}}
    return {"name": "orders-db", "description": EVIL, "gateway": EVIL, "protocol": EVIL, "modes": ["end_to_end"], "mode": EVIL,
            "state": state, "allowed": True, "listed": False, "port": 5999, "socket": None, "connections": 0, "bytes_in": 0,
            "bytes_out": 0, "error": error_text(), "commands": port["commands"], "ports": [port], "opened": port}


def error_text():
    return {"reason": EVIL, "message": EVIL, "hint": EVIL, "connection_id": EVIL}


def login():
    return {"user": EVIL, "groups": [EVIL], "serial": EVIL, "issuer": EVIL, "not_before": "2026-01-01T00:00:00Z",
            "not_after": "2099-01-01T00:00:00Z", "remaining_seconds": 9999, "session_ends": "2099-01-01T00:00:00Z",
            "certificate_file": "/x", "key_file": None, "server_ca_file": "/x", "state": "valid"}


def event(kind):
    return {"time": "2026-01-01T00:00:00Z", "kind": kind, "service": "orders-db", "program": EVIL, **error_text()}


def state():
    return {"trust": {"ca": "https://" + EVIL, "trust_domain": EVIL, "fingerprint": EVIL, "gateways": [EVIL], "user": EVIL},
            "login": login(), "services": [service()], "services_known": True, "services_error": None, "settings": {},
            "attention": {"reason": EVIL, "message": EVIL, "hint": EVIL}}


def result_of(method, params):
    if method == "connect" and params.get("service") != "orders-db":
        return None
    return {"hello": lambda: {"protocol": 1, "version": EVIL, "pid": os.getpid()},
            "state": state, "subscribe": state,
            "services.refresh": lambda: {"services": [service()], "services_known": True, "services_error": None},
            "connect": service, "settings.get": dict,
            "disconnect": lambda: {**service(), "closed": 1},
            "logout": lambda: {"was_logged_in": True},
            "trust.accept": lambda: state()["trust"],
            "login.methods": lambda: {"methods": [{"id": "password", "title": EVIL, "kind": "form", "fields": [
                {"name": "username", "label": EVIL, "kind": "text", "required": True},
                {"name": "password", "label": EVIL, "kind": "secret", "required": True}]}]},
            "login": login,
            "events": lambda: {"events": [event("refused"), event("cut")]}}.get(method, lambda: None)()


def serve(client):
    for line in client.makefile("r", encoding="utf-8"):
        asked = json.loads(line)
        result = result_of(asked["method"], asked.get("params") or {})
        answer = {"jsonrpc": "2.0", "id": asked["id"]}
        if result is None:
            answer["error"] = {"code": -32000, "message": EVIL, "data": error_text()}
        else:
            answer["result"] = result
        told = [answer]
        if asked["method"] == "subscribe":
            told += [{"jsonrpc": "2.0", "method": "event", "params": event(kind)}
                     for kind in ("remark", "refused", "cut", "renewal_failed", "gateway_lost")]
        client.sendall("".join(json.dumps(one) + "\n" for one in told).encode())


def main():
    os.umask(0o077)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(sys.argv[1])
    listener.listen(16)
    print("ready", flush=True)
    while True:
        client, _ = listener.accept()
        threading.Thread(target=serve, args=(client,), daemon=True).start()


main()

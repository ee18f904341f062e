#!/usr/bin/python3
"""A gateway's admin socket whose every text would do something to a terminal. hostile_gateway.py SOCKET: serves until it is ended."""
import json
import os
import socket
import sys

EVIL = "evil\x1b[2J\x07\u009b31m\u202egnp\nhint: run rm\u2066"
SESSION = {"id": EVIL, "user": "alice; reboot" + EVIL, "service": EVIL, "source": EVIL, "opened_at": EVIL, "bytes_from_client": EVIL,
           "bytes_from_backend": -1}


def answer_to(request):
    if "service=refused" in request:
        return "403 No", {"type": "about:blank", "title": EVIL, "status": 403, "detail": EVIL, "code": "policy_denied", "hint": EVIL,
                          "reason": "policy_denied"}
    if "service=numbers" in request:
        return "200 OK", {"killed": [1, None, {"user": 5}], "sessions": 7}
    if request.startswith("DELETE /v1/sessions/"):
        return "200 OK", {"killed": SESSION}
    return "200 OK", {"sessions": [SESSION], "killed": [SESSION]}


def main():
    os.umask(0o077)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(sys.argv[1])
    listener.listen(16)
    print("ready", flush=True)
    while True:
        client, _ = listener.accept()
        status, body = answer_to(client.recv(4096).decode())
        text = json.dumps(body, ensure_ascii=False).encode()
        client.sendall(f"HTTP/1.1 {status}\r\nContent-Length: {len(text)}\r\n\r\n".encode() + text)
        client.close()


main()

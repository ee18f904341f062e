#!/usr/bin/python3
"""Both ends of PostgreSQL's protocol 3.2, which no PostgreSQL of this Debian speaks.

  protocol_32.py client PORT USER             starts with 3.2, says what the server made of it, asks who it is,
                                              then cancels its own session from another connection
  protocol_32.py server PORT CERTIFICATE KEY  a server with keys of 256 bytes; says what it is asked
"""
import socket
import ssl
import struct
import sys
import threading

SSL_REQUEST, GSS_REQUEST, CANCEL = 80877103, 80877104, 80877102
PATIENCE = 20


def say(line):
    print(line, flush=True)


def take(connection, count):
    data = b''
    while len(data) < count:
        more = connection.recv(count - len(data))
        if not more:
            raise EOFError
        data += more
    return data


def take_packet(connection):
    length, = struct.unpack('>I', take(connection, 4))
    return take(connection, length - 4)


def take_message(connection):
    return take(connection, 1), take_packet(connection)


def packet(payload):
    return struct.pack('>I', len(payload) + 4) + payload


def dial(port):
    return socket.create_connection(('127.0.0.1', port), PATIENCE)


def client(port, user):
    connection = dial(port)
    for request in (GSS_REQUEST, SSL_REQUEST):
        connection.sendall(packet(struct.pack('>I', request)))
        say(f'encryption: {take(connection, 1).decode()}')
    words = ['user', user, 'database', 'orders', '_pq_.postern_test', 'yes', '']
    connection.sendall(packet(struct.pack('>HH', 3, 2) + '\0'.join(words).encode() + b'\0'))
    key = b''
    while True:
        kind, body = take_message(connection)
        if kind == b'v':
            minor, count = struct.unpack_from('>II', body)
            say(f'negotiated: 3.{minor & 0xffff}, {count} unknown: {body[8:-1].decode()}')
        elif kind == b'K':
            key = body
            say(f'key: {len(body) - 4} bytes')
        elif kind == b'E':
            say('error: ' + body.replace(b'\0', b' ').decode())
            return
        elif kind == b'Z':
            break
    connection.sendall(b'Q' + packet(b'select current_user, pg_sleep(0)\0'))
    while True:
        kind, body = take_message(connection)
        if kind == b'D':
            length, = struct.unpack_from('>I', body, 2)
            say('row: ' + body[6:6 + length].decode())
        elif kind == b'Z':
            break
    canceller = dial(port)
    canceller.sendall(packet(struct.pack('>I', CANCEL) + key))
    say('cancel answered with %r' % canceller.recv(1))


def serve(connection, context):
    try:
        code, = struct.unpack('>I', take_packet(connection))
        if code != SSL_REQUEST:
            raise ValueError('no SSLRequest')
        connection.sendall(b'S')
        connection = context.wrap_socket(connection, server_side=True)
        start = take_packet(connection)
        code, = struct.unpack_from('>I', start)
        if code == CANCEL:
            say('cancelled: ' + start[4:].hex())
            connection.unwrap()
            return
        say(f'started: {code >> 16}.{code & 0xffff} {start[4:]!r}')
        key = struct.pack('>I', 4711) + bytes(range(256))
        say('key: ' + key.hex())
        connection.sendall(b'v' + packet(struct.pack('>II', 0x00030002, 1) + b'_pq_.postern_test\0')
                           + b'R' + packet(struct.pack('>I', 0)) + b'K' + packet(key) + b'Z' + packet(b'I'))
        kind, _ = take_message(connection)
        row = b'next'
        connection.sendall(b'D' + packet(struct.pack('>HI', 1, len(row)) + row) + b'C' + packet(b'SELECT 1\0')
                           + b'Z' + packet(b'I'))
        take(connection, 1)
    except (EOFError, OSError, ValueError) as error:
        say(f'ended: {error!r}')


def server(port, certificate, key):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    listener = socket.create_server(('127.0.0.1', port))
    say('listening')
    while True:
        connection, _ = listener.accept()
        connection.settimeout(PATIENCE)
        threading.Thread(target=serve, args=(connection, context), daemon=True).start()


if sys.argv[1] == 'client':
    client(int(sys.argv[2]), sys.argv[3])
else:
    server(int(sys.argv[2]), sys.argv[3], sys.argv[4])

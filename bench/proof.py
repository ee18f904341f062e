"""What must be true of a pair before it is measured: it carries a byte, and its gateway turns away who has no certificate."""

import socket
import ssl

SUITE = "TLS_AES_128_GCM_SHA256"
PATIENCE = 5


def check_carries(subject) -> None:
    """By the load generator's echo: order and byte, the byte back."""
    with socket.create_connection(("127.0.0.1", subject.port), timeout=PATIENCE) as plain:
        try:
            plain.sendall(b"Ex")
            if plain.recv(1) == b"x":
                return
        except OSError:
            pass
    logs = subject.gateway.log.read_text()[-2000:] + subject.client.log.read_text()[-2000:]
    raise RuntimeError(f"{subject.name}: the pair does not carry a byte:\n{logs}")


def check_refuses_strangers(subject) -> None:
    """Without a certificate the TLS handshake, or the first read after it, must end in an alert or a closed connection: silence
    is no refusal. What the gateway chose for the stranger is what it chooses for its client: TLS 1.3 and the one suite."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(subject.pki / "server-ca.pem")
    context.set_alpn_protocols(["http/1.1"])
    chosen = None
    try:
        with socket.create_connection(("127.0.0.1", subject.gateway.port), timeout=PATIENCE) as raw:
            with context.wrap_socket(raw, server_hostname="localhost") as stranger:
                chosen = stranger.cipher()
                stranger.sendall(subject.greeting)
                heard = stranger.recv(64)
    except TimeoutError:
        raise RuntimeError(f"{subject.name} neither lets in nor turns away a client without a certificate") from None
    except (ssl.SSLError, ConnectionError):
        heard = b""
    if heard:
        raise RuntimeError(f"{subject.name} lets in a client without a certificate: it said {heard!r}")
    if chosen is None:
        raise RuntimeError(f"{subject.name} ended the handshake before it chose a suite: what it would choose is not known")
    if chosen[:2] != (SUITE, "TLSv1.3"):
        raise RuntimeError(f"{subject.name} speaks {chosen[1]} with {chosen[0]}, not TLS 1.3 with {SUITE}")

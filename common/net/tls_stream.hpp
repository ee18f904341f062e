// TLS directly on a socket. It reads ahead in large blocks and waits for readiness through Asio.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "net/byte_stream.hpp"
#include "net/fair_turns.hpp"
#include "net/plain_stream.hpp"
#include "net/tls_context.hpp"
#include "net/tls_peer.hpp"
#include "pki/certificate.hpp"

namespace postern::net {

/// A ByteStream that owns a socket and its TLS state. Not thread-safe.
class TlsStream final : public ByteStream {
public:
    using Role = TlsRole;

    /// `server_name` is sent as SNI by a client unless it is empty or an IP address.
    TlsStream(PlainStream socket, const TlsContext& context, Role role, const std::string& server_name = {});
    /// Move it only while no operation is pending.
    TlsStream(TlsStream&&) noexcept;
    TlsStream& operator=(TlsStream&&) noexcept;
    ~TlsStream() override;

    /// Performs the handshake. Call it once, before anything else. Fails with no_certificate, expired,
    /// not_yet_valid, unknown_issuer, self_signed or wrong_purpose (what is wrong with the peer's certificate
    /// or, on a client, what the server says about ours), tls_version, not_tls (plain HTTP or garbage),
    /// tls_failed, end_of_stream or cancelled. The caller sets the Deadline. A server that refuses waits up
    /// to a second for the client to read the alert; afterwards the socket may no longer know the remote
    /// address. With `turns`, which must outlive the call, each step waits for one of that member's turns.
    boost::asio::awaitable<Result<void>> handshake(FairTurns::Member* turns = nullptr);
    /// What the peer proved, once the handshake is complete.
    TlsPeer peer() const;
    /// The certificate that the peer presented although the handshake failed because of it. For the audit
    /// record only.
    std::optional<pki::Certificate> rejected_certificate() const;
    /// Whether the peer has sent any byte. A client that connects and sends nothing only checks whether the
    /// port is open.
    bool has_heard() const noexcept;

    void when_readable(ReadyListenerPtr listener) override;
    /// Reports a TLS alert from the peer as the Code that it means: in TLS 1.3 a server refuses a client's
    /// certificate only after the client's handshake is complete.
    Result<std::optional<std::size_t>> try_read(Buffer into) override;
    void when_writable(ReadyListenerPtr listener) override;
    Result<std::size_t> try_write(Bytes bytes) override;
    boost::asio::awaitable<Result<void>> shutdown_send() override;
    void wake() noexcept override;
    void cancel() noexcept override;
    void close() noexcept override;
    boost::asio::any_io_executor executor() override;

    /// The socket, still owned. Not for reading or writing.
    PlainStream& socket() noexcept;
    /// The SSL object, still owned, for what only OpenSSL can report or do (cipher, key update). Not for
    /// reading or writing.
    SSL* native() noexcept;

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace postern::net

// TLS straight on a socket: this class owns the SSL*, reads ahead in large blocks, and waits for readiness
// through Asio.
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

class TlsStream final : public ByteStream {
public:
    using Role = TlsRole;

    /// `server_name` is the SNI of a client (none is sent when it is empty or an IP address).
    TlsStream(PlainStream socket, const TlsContext& context, Role role, const std::string& server_name = {});
    /// To be moved only while no operation is pending.
    TlsStream(TlsStream&&) noexcept;
    TlsStream& operator=(TlsStream&&) noexcept;
    ~TlsStream() override;

    /// To be called once, first. Failures: no_certificate, expired, not_yet_valid, unknown_issuer,
    /// self_signed, wrong_purpose (what was wrong with the peer's certificate or, for a client, what the
    /// server says of ours), tls_version, not_tls (plain HTTP or garbage), tls_failed, end_of_stream,
    /// cancelled. The caller holds the Deadline. A server that refuses waits up to a second for the client to
    /// read the alert, and has lost the remote address after. With `turns` (which outlives it) each step is
    /// one of that connection's turns.
    boost::asio::awaitable<Result<void>> handshake(FairTurns::Member* turns = nullptr);
    TlsPeer peer() const;
    /// The certificate that the peer presented although the handshake failed on it: for the audit record
    /// only.
    std::optional<pki::Certificate> rejected_certificate() const;
    /// Whether the peer has said anything at all: what connects and says nothing looks whether the port is
    /// open.
    bool has_heard() const noexcept;

    void when_readable(ReadyListenerPtr listener) override;
    /// A TLS alert from the peer is told as the Code it means: in TLS 1.3 a server refuses a client's
    /// certificate only after the client's handshake is done.
    Result<std::optional<std::size_t>> try_read(Buffer into) override;
    void when_writable(ReadyListenerPtr listener) override;
    Result<std::size_t> try_write(Bytes bytes) override;
    boost::asio::awaitable<Result<void>> shutdown_send() override;
    void wake() noexcept override;
    void cancel() noexcept override;
    void close() noexcept override;
    boost::asio::any_io_executor executor() override;

    PlainStream& socket() noexcept;
    /// For what only OpenSSL can tell or do (cipher, key update). Not for reading or writing.
    SSL* native() noexcept;

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace postern::net

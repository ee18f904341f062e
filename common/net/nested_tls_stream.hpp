// TLS inside another ByteStream, for the agent's own TLS with PostgreSQL through the tunnel. Client side
// only.
#pragma once

#include <memory>
#include <string>

#include "net/byte_stream.hpp"
#include "net/tls_context.hpp"
#include "net/tls_stream.hpp"

namespace postern::net {

/// A TLS client on top of a ByteStream. Not thread-safe.
class NestedTlsStream final : public ByteStream {
public:
    /// `server_name` is sent as SNI unless it is empty or an IP address. `outer` must outlive this object.
    NestedTlsStream(ByteStream& outer, const TlsContext& context, const std::string& server_name);
    ~NestedTlsStream() override;

    /// Returns the ClientHello, so that the caller can send it together with other bytes. If this is not
    /// called, handshake() sends it.
    Result<std::string> take_client_hello();
    /// Completes the handshake. Fails as TlsStream::handshake() does. The caller sets the Deadline.
    boost::asio::awaitable<Result<void>> handshake();
    /// What the peer proved, once the handshake is done.
    TlsPeer peer() const;

    void when_readable(ReadyListenerPtr listener) override;
    Result<std::optional<std::size_t>> try_read(Buffer into) override;
    void when_writable(ReadyListenerPtr listener) override;
    Result<std::size_t> try_write(Bytes bytes) override;
    boost::asio::awaitable<Result<void>> shutdown_send() override;
    void wake() noexcept override;
    void cancel() noexcept override;
    void close() noexcept override;
    boost::asio::any_io_executor executor() override;

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace postern::net

// TLS inside another ByteStream: the agent's own TLS with PostgreSQL through the tunnel. Client side only.
#pragma once

#include <memory>
#include <string>

#include "net/byte_stream.hpp"
#include "net/tls_context.hpp"
#include "net/tls_stream.hpp"

namespace postern::net {

class NestedTlsStream final : public ByteStream {
public:
    /// `outer` must outlive this object.
    NestedTlsStream(ByteStream& outer, const TlsContext& context, const std::string& server_name);
    ~NestedTlsStream() override;

    /// The first flight (the ClientHello), for the caller to send together with something else. If it is not
    /// called, handshake() sends it.
    Result<std::string> take_client_hello();
    boost::asio::awaitable<Result<void>> handshake();
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

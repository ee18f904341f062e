// An HTTPS server on the event loops that passes requests to a handler. Every connection has a deadline in
// each phase, and every count and size is bounded. A hook is called for rejected connections, so that they
// can be audited.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include <boost/asio/awaitable.hpp>

#include "base/result.hpp"
#include "http/server.hpp"
#include "net/event_loops.hpp"
#include "net/listener.hpp"
#include "net/tls_context.hpp"
#include "net/tls_stream.hpp"
#include "pki/certificate.hpp"

namespace postern::http {

/// The sender of a request, as far as the connection shows.
struct ClientInfo {
    net::Endpoint remote;
    /// What the client proved in the handshake; without a certificate when it presented none.
    net::TlsPeer peer;
};

/// A connection that the handler did not see because it ended before a request (the handshake failed, or a
/// limit cut it: limit_reached), a request that could not be parsed, or a request whose handler threw.
struct RejectedConnection {
    net::Endpoint remote;
    Failure failure;
    /// The certificate that the peer presented, if it got that far. It is not authenticated unless
    /// `is_greeted`.
    std::optional<pki::Certificate> certificate;
    /// Whether the handshake succeeded: the certificate is then the peer's.
    bool is_greeted = false;
    /// Whether the connection ended without a byte from the peer, as when a monitor checks whether the port
    /// is open.
    bool was_silent = false;
};

/// The limits of the server.
struct HttpsLimits {
    RequestLimits request;
    std::size_t connections = 4096;
    std::size_t connections_per_address = 1024;
    /// The most pending connections over all loops. A connection is pending unless a request is being handled
    /// or it has a client certificate and has made a request. At this limit, or when all connections are
    /// taken, the oldest pending one of the address with the most is cut. One address has at most half of
    /// these.
    std::size_t pending = 1024;
    /// The most connections for one name in client certificates. Those beyond are treated as unauthenticated.
    std::size_t connections_per_bearer = 64;
    std::chrono::milliseconds handshake_timeout = std::chrono::seconds(10);
    std::chrono::milliseconds answer_timeout = std::chrono::seconds(10);
};

/// Serves HTTPS on all loops.
class HttpsService {
public:
    /// Answers a request. Called on the connection's loop, for one request of a connection at a time. It must
    /// not block: blocking work belongs on a thread pool. It is not cancelled when the client disconnects. An
    /// exception becomes a 500 answer and a log line.
    using Handler = std::function<boost::asio::awaitable<Response>(Request request, ClientInfo client)>;
    /// Told of each rejection. Called on the loops, possibly on several at once, as often as strangers fail.
    /// It must not block. A connection that was not greeted is closed, and its slot freed, before it is
    /// called; for others the answer waits for it.
    using OnRejected = std::function<boost::asio::awaitable<void>(RejectedConnection rejected)>;

    /// Starts accepting at once. `loops` must outlive this object; `handler` and `on_rejected` may be called
    /// until the loops have stopped.
    HttpsService(net::EventLoops& loops, net::Listener listener, net::TlsContext tls, HttpsLimits limits,
                 Handler handler, OnRejected on_rejected);
    /// Stops accepting and closes all connections.
    ~HttpsService();
    HttpsService(const HttpsService&) = delete;
    HttpsService& operator=(const HttpsService&) = delete;

    /// The port of the listener.
    unsigned short port() const;
    /// Sets the TLS settings of connections accepted from now on. Thread-safe.
    void set_tls(net::TlsContext tls);
    /// The number of open connections. Thread-safe.
    std::size_t connections() const;
    /// The largest number of open connections since the last call. Thread-safe.
    std::size_t take_most_connections();

    /// Stops accepting, closes idle connections, lets running requests finish, and closes the remaining
    /// connections after `timeout`. Returns whether none remained. Blocks; call it from a thread that is not
    /// a loop's.
    bool drain(std::chrono::milliseconds timeout);

private:
    struct State;
    std::shared_ptr<State> state_;
};

}  // namespace postern::http

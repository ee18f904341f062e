// An HTTPS listener on the event loops: handlers in, answers out. Every connection has a deadline in each
// phase, every count and size a bound; a failed handshake is told to a hook, for the audit log.
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

/// Who sent a request, as far as the connection tells.
struct ClientInfo {
    net::Endpoint remote;
    /// The handshake's result; no certificate when the client showed none.
    net::TlsPeer peer;
};

/// What the handler does not see: a connection that ended before it could ask anything (the handshake failed, or
/// a limit cut it: limit_reached), a request that could not be read, and one at which the handler failed.
struct RejectedConnection {
    net::Endpoint remote;
    Failure failure;
    /// What the peer presented, where it got that far. Not to be believed unless it is greeted.
    std::optional<pki::Certificate> certificate;
    /// The handshake was good: a certificate is the peer's.
    bool is_greeted = false;
    /// It left, or was given up, without having said a byte: somebody looked whether the port is open.
    bool was_silent = false;
};

struct HttpsLimits {
    RequestLimits request;
    std::size_t connections = 4096;
    std::size_t connections_per_address = 1024;
    /// Without a request that is being handled, and before the first one or without a client certificate,
    /// over all loops; at the bound, or where all connections are taken, the oldest one of the address that
    /// has the most is cut. One address has half of these places at the most.
    std::size_t pending = 1024;
    /// Of one name in client certificates; those beyond are treated as strangers.
    std::size_t connections_per_bearer = 64;
    std::chrono::milliseconds handshake_timeout = std::chrono::seconds(10);
    std::chrono::milliseconds answer_timeout = std::chrono::seconds(10);
};

class HttpsService {
public:
    /// Called on the connection's loop, one request of a connection at a time. It must not block: work that
    /// does goes to a thread pool. It is not cancelled when the client goes away. An exception becomes a 500
    /// and a log line.
    using Handler = std::function<boost::asio::awaitable<Response>(Request request, ClientInfo client)>;
    /// Called on a loop, as often as strangers fail; may be called on several at once. It must not block.
    /// One that was not greeted is closed, and its place free, before it is done; with another the answer waits
    /// for it.
    using OnRejected = std::function<boost::asio::awaitable<void>(RejectedConnection rejected)>;

    /// Begins to accept at once. `loops` must outlive this object; `handler` and `on_rejected` are called
    /// until the loops have stopped.
    HttpsService(net::EventLoops& loops, net::Listener listener, net::TlsContext tls, HttpsLimits limits,
                 Handler handler, OnRejected on_rejected);
    /// Stops accepting and cuts what is left.
    ~HttpsService();
    HttpsService(const HttpsService&) = delete;
    HttpsService& operator=(const HttpsService&) = delete;

    unsigned short port() const;
    /// For connections accepted from now on. Any thread.
    void set_tls(net::TlsContext tls);
    std::size_t connections() const;
    /// The most that there were since the last call.
    std::size_t take_most_connections();

    /// Stops accepting, closes idle connections, lets running requests end, then cuts what is left after
    /// `timeout`. Blocks; call it from a thread that is not a loop. Whether nothing had to be cut.
    bool drain(std::chrono::milliseconds timeout);

private:
    struct State;
    std::shared_ptr<State> state_;
};

}  // namespace postern::http

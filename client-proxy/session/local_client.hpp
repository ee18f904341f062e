// The local end of a session: it reads the client's first packet with a deadline, and closes the connection
// in the client's own protocol.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <boost/asio/awaitable.hpp>

#include "client-proxy/refusal/refusal.hpp"
#include "client-proxy/session/session_context.hpp"
#include "client-proxy/tunnel/gateway_connection.hpp"
#include "net/deadline_timer.hpp"
#include "net/pending_connections.hpp"
#include "net/plain_stream.hpp"
#include "net/relay.hpp"

namespace postern::client {

/// A client that has not sent its first packet yet. It occupies one of the bounded places for pending clients
/// and has a deadline; both end with this object.
class FirstWords {
public:
    /// `context` and `local` outlive this object.
    FirstWords(const SessionContext& context, net::PlainStream& local);

    /// Reads into `into`; returns the number of bytes, 0 at the end of the stream. Errors: Code::timed_out at
    /// the deadline, when the client can still be written to; another code when the client left or was
    /// evicted for a newer one.
    boost::asio::awaitable<Result<std::size_t>> read(net::Buffer into);

private:
    net::PlainStream& local_;
    net::PendingConnections::Ticket place_;
    net::DeadlineTimer deadline_;
};

/// Reports the accepted connection to the events. It is posted to the loop, so that the bytes that are ready
/// are forwarded first.
void tell_accepted(const SessionContext& context, net::PlainStream& local, std::string service,
                   LocalProgram program, const Tunnel& tunnel, bool is_probe = false);

/// Writes `last_words` and closes the connection after the client had time to read them. It takes a few
/// seconds at most.
boost::asio::awaitable<void> close_with(net::PlainStream& local, std::string last_words);

/// Closes a tunnel whose relay has ended. When the local program is gone, even by a reset, the gateway sees
/// an orderly end, because a program that exits with unread data cannot end its connection in any other way.
boost::asio::awaitable<void> leave_tunnel(net::ByteStream& tunnel, const net::RelayEnd& end);

}  // namespace postern::client

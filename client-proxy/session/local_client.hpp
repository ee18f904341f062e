// The local end of a session: waits for the client's first words with a deadline, and takes leave of it in
// its own protocol.
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
#include "net/deadline.hpp"
#include "net/pending_connections.hpp"
#include "net/plain_stream.hpp"
#include "net/relay.hpp"

namespace postern::client {

/// A client that has not said yet what it wants: it holds one of the bounded places and has until the
/// deadline. Both end with this object.
class FirstWords {
public:
    FirstWords(const SessionContext& context, net::PlainStream& local);

    /// What came, or nothing when the client left or was cut for a newer one. Code::timed_out at the
    /// deadline; the client can still be written to.
    boost::asio::awaitable<Result<std::size_t>> read(net::Buffer into);

private:
    net::PlainStream& local_;
    net::PendingConnections::Ticket place_;
    net::Deadline deadline_;
};

/// Tells of the client's tunnel, once the bytes that are there have gone on: nobody waits for the news.
void tell_accepted(const SessionContext& context, net::PlainStream& local, std::string service, LocalProgram program,
                   const Tunnel& tunnel, bool is_probe = false);

/// Writes the last words and closes, after the client had time to read them.
boost::asio::awaitable<void> close_with(net::PlainStream& local, std::string last_words);

/// Closes a tunnel whose relay has ended. Where the local program is gone, by a reset too, the gateway is
/// told of an end in order: programs that have not read all there was leave no other way.
boost::asio::awaitable<void> leave_tunnel(net::ByteStream& tunnel, const net::RelayEnd& end);

}  // namespace postern::client

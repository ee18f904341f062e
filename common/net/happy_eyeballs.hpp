// Connects to a host that has several addresses (RFC 8305). Attempts overlap, so that a dead address, or an
// address family without a route, costs a quarter of a second at most.
#pragma once

#include <chrono>
#include <vector>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/system/error_code.hpp>

#include "net/deadline.hpp"
#include "net/plain_stream.hpp"

namespace postern::net {

/// Orders the addresses for connecting: the two families alternate, beginning with the family of the first
/// address (RFC 8305, section 4).
std::vector<boost::asio::ip::tcp::endpoint> take_turns(std::vector<boost::asio::ip::tcp::endpoint> endpoints);

/// Whether the error means that the network is down: no route, no neighbour, no answer from a name server.
/// This also occurs for a moment after the network has come back.
bool is_network_away(const boost::system::error_code& error);

/// The pause between two attempts while the network is down.
constexpr std::chrono::milliseconds kNetworkPause{200};

/// Connects to the first address that answers. The next address is tried when an attempt fails, and when none
/// has answered for 250 ms (RFC 8305, section 5). While the network is down, all are tried again until
/// `network_deadline`. Fails with Code::unreachable, Code::timed_out or Code::out_of_resources.
/// Must be awaited on the loop that will own the stream.
boost::asio::awaitable<Result<PlainStream>> connect_to_any(
    std::vector<boost::asio::ip::tcp::endpoint> endpoints, Deadline deadline,
    Deadline network_deadline = std::chrono::milliseconds(0));

}  // namespace postern::net

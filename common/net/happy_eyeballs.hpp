// Connecting to a host that has several addresses (RFC 8305): they are tried one beside the other, so that
// one that is dead, or a family of addresses that leads nowhere, costs a quarter of a second and no more.
#pragma once

#include <chrono>
#include <vector>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/system/error_code.hpp>

#include "net/plain_stream.hpp"

namespace postern::net {

/// In the order in which to try them: the two families take turns, the first address first (section 4).
std::vector<boost::asio::ip::tcp::endpoint> take_turns(std::vector<boost::asio::ip::tcp::endpoint> endpoints);

/// Whether the network itself is not there: no route, no neighbour, no answer about a name. That is so for a
/// moment after it has come back.
bool is_network_away(const boost::system::error_code& error);

/// Between two attempts while the network is away.
constexpr std::chrono::milliseconds kNetworkPause{200};

/// The first that answers. The next one is tried when one has failed, and when none has answered for 250 ms
/// (section 5). For `network_timeout` from the start all are tried again while the network is away.
/// Code::unreachable, Code::timed_out, Code::out_of_resources.
boost::asio::awaitable<Result<PlainStream>> connect_to_any(
    std::vector<boost::asio::ip::tcp::endpoint> endpoints, std::chrono::milliseconds timeout,
    std::chrono::milliseconds network_timeout = std::chrono::milliseconds(0));

}  // namespace postern::net

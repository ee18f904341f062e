// The way from an address to a connection: names, both families at once, one deadline for all of it.
#pragma once

#include <chrono>

#include <boost/asio/awaitable.hpp>

#include "base/result.hpp"
#include "net/address.hpp"
#include "net/plain_stream.hpp"

namespace postern::net {

/// Resolves and connects, to whichever address answers first, until `timeout` ends. For `network_timeout`
/// from the start it tries again while the network is away, as it is for a moment even after it has come
/// back: no route, no neighbour, nobody to ask about the name. Code::unreachable, Code::timed_out or
/// Code::out_of_resources. Must be awaited on the loop that will own the stream.
boost::asio::awaitable<Result<PlainStream>> dial(
    Address address, std::chrono::milliseconds timeout,
    std::chrono::milliseconds network_timeout = std::chrono::milliseconds(0));

}  // namespace postern::net

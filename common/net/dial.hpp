// Connects to an address: name resolution and all its IP addresses, under one deadline.
#pragma once

#include <chrono>

#include <boost/asio/awaitable.hpp>

#include "base/result.hpp"
#include "net/address.hpp"
#include "net/deadline.hpp"
#include "net/plain_stream.hpp"

namespace postern::net {

/// Resolves the name and connects to whichever address answers first, until `deadline`. While the network is
/// down (no route, no neighbour, no answer from a name server), as it also is for a moment after it has come
/// back, it retries until `network_deadline`. Fails with Code::unreachable, Code::timed_out or
/// Code::out_of_resources. Must be awaited on the loop that will own the stream.
boost::asio::awaitable<Result<PlainStream>> dial(Address address, Deadline deadline,
                                                 Deadline network_deadline = std::chrono::milliseconds(0));

}  // namespace postern::net

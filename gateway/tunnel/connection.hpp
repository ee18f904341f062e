// One client connection from accept to close: the handshake, its requests, and the tunnel that it may become.
#pragma once

#include <boost/asio/awaitable.hpp>

#include "base/counted.hpp"
#include "gateway/tunnel/worker.hpp"
#include "net/plain_stream.hpp"

namespace postern::gateway {

/// Serves a connection; to be spawned on the worker's loop. It ends when the connection does, and every
/// refusal and every tunnel has its audit records then. `undecided` counts the connection until its handshake
/// is over. `worker` must outlive the loop.
boost::asio::awaitable<void> serve_connection(Worker& worker, net::PlainStream socket, Counted undecided);

}  // namespace postern::gateway

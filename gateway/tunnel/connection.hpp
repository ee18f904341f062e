// One client connection from accept to close: the handshake, its requests, and the tunnel that it may become.
#pragma once

#include <boost/asio/awaitable.hpp>

#include "base/counted.hpp"
#include "gateway/tunnel/worker.hpp"
#include "net/plain_stream.hpp"

namespace postern::gateway {

/// To be spawned on the worker's loop. Ends when the connection has; every refusal and every tunnel has then
/// its records.
boost::asio::awaitable<void> serve_connection(Worker& worker, net::PlainStream socket, Counted undecided);

}  // namespace postern::gateway

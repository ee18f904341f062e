// Closes a connection so that the peer can read the last answer. Closing a socket that still has unread bytes
// sends a reset, which destroys the answer or the alert that was just sent.
#pragma once

#include <chrono>

#include "net/byte_stream.hpp"

namespace postern::net {

/// Shuts down sending, then reads and discards (at most 64 MiB) until the peer has closed as well or
/// `timeout` ends. The stream can then only be closed.
boost::asio::awaitable<void> drain_to_end(ByteStream& stream, std::chrono::milliseconds timeout);

/// Does what drain_to_end() does, and closes the stream.
boost::asio::awaitable<void> lingering_close(ByteStream& stream, std::chrono::milliseconds timeout);

}  // namespace postern::net

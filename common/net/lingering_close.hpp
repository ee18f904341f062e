// A last answer that the peer gets to read: closing a socket with unread bytes in it sends a reset, which
// destroys the answer or the alert that was just sent.
#pragma once

#include <chrono>

#include "net/byte_stream.hpp"

namespace postern::net {

/// Ends sending, then reads and discards (at most 64 MiB) until the peer has closed too or `timeout` ends.
/// The stream is good for nothing but close() after.
boost::asio::awaitable<void> drain_to_end(ByteStream& stream, std::chrono::milliseconds timeout);

/// The same, and closes.
boost::asio::awaitable<void> lingering_close(ByteStream& stream, std::chrono::milliseconds timeout);

}  // namespace postern::net

// Carries bytes both ways between two streams until both directions have ended: half-close is passed on,
// back-pressure is end to end (a byte is read only when the one before it is written), and an idle relay
// holds no buffer.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>

#include "net/byte_stream.hpp"

namespace postern::net {

enum class Side { a, b };

struct RelayEnd {
    std::uint64_t bytes_a_to_b = 0;
    std::uint64_t bytes_b_to_a = 0;
    /// Whose read or write ended it: the side that closed first, or failed.
    Side ended_by = Side::a;
    /// Nothing after an ordinary end: one side ended its direction in order, and then the other one did so
    /// too, or a socket that had been closed by then answered with a reset.
    std::optional<Failure> failure;
    /// Whether the side was told that the other one had ended in order. When it was not, closing its stream
    /// must not look as if it had been: what it got may be a part.
    bool a_was_told_of_end = false;
    bool b_was_told_of_end = false;
    /// Whether the side took every byte that was read for it, so that a last message may still be written to
    /// it. False for a side that failed.
    bool a_is_whole = true;
    bool b_is_whole = true;
};

/// Sees, and may change or hold back, the bytes of one direction. Returns the bytes to send on; they may lie
/// in `chunk` or in the filter, and stay valid until the next call. A Failure ends the relay.
class RelayFilter {
public:
    virtual ~RelayFilter() = default;
    virtual Result<Bytes> pass(Buffer chunk) = 0;
};

/// Live byte counts of a relay, for whoever lists connections. Written by the relay's thread, read by any.
/// The relay adds to what they say when it begins, so that what was carried before it counts, too.
struct RelayCounters {
    std::atomic<std::uint64_t> a_to_b = 0;
    std::atomic<std::uint64_t> b_to_a = 0;
};

struct RelayOptions {
    /// After one direction has ended, how long the other may still stay open without moving a byte.
    std::chrono::milliseconds half_close_timeout = std::chrono::minutes(5);
    /// Null: bytes pass as they are.
    RelayFilter* a_to_b = nullptr;
    RelayFilter* b_to_a = nullptr;
    /// Null: nobody watches. Must outlive the relay.
    RelayCounters* counters = nullptr;
};

/// Runs until both directions ended, one failed, or a stream was cancelled or closed from outside
/// (Code::cancelled). Of a side that takes no more, what it had said before still reaches the other one. Does
/// not close the streams; the failed one is cancelled, the other one stays good while it is whole. Both must
/// outlive the call and live on the caller's loop.
boost::asio::awaitable<RelayEnd> relay(ByteStream& a, ByteStream& b, RelayOptions options);

}  // namespace postern::net

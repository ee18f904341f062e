// Carries bytes in both directions between two streams until both have ended. Half-close is passed on.
// Back-pressure is end to end: more is read only when what was read before has been written. An idle relay
// holds no buffer.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>

#include "net/byte_stream.hpp"

namespace postern::net {

/// The two streams of a relay.
enum class Side { a, b };

/// How a relay ended.
struct RelayEnd {
    std::uint64_t bytes_a_to_b = 0;
    std::uint64_t bytes_b_to_a = 0;
    /// The side that closed first, or whose read or write failed.
    Side ended_by = Side::a;
    /// Empty after an ordinary end: one side ended its direction in order, and then the other either did so
    /// too or, having closed its socket, answered with a reset.
    std::optional<Failure> failure;
    /// Whether the side was told that the other one ended in order. If not, closing its stream must not look
    /// like an orderly end, because what it received may be incomplete.
    bool a_was_told_of_end = false;
    bool b_was_told_of_end = false;
    /// Whether the side accepted every byte that was read for it, so that a last message may still be written
    /// to it. False for a side that failed.
    bool a_is_whole = true;
    bool b_is_whole = true;
};

/// Inspects the bytes of one direction, and may change them or hold them back. Used on the relay's thread.
class RelayFilter {
public:
    virtual ~RelayFilter() = default;
    /// Returns the bytes to forward. They may lie in `chunk` or in the filter, and must stay valid until the
    /// next call. A Failure ends the relay.
    virtual Result<Bytes> pass(Buffer chunk) = 0;
};

/// Live byte counts of a relay, for listings of connections. The relay's thread writes them; any thread may
/// read them. The relay adds to their initial values, so that bytes carried before it count as well.
struct RelayCounters {
    std::atomic<std::uint64_t> a_to_b = 0;
    std::atomic<std::uint64_t> b_to_a = 0;
};

/// The settings of a relay. What the pointers refer to must outlive it.
struct RelayOptions {
    /// How long one direction may stay open without moving a byte after the other one has ended.
    std::chrono::milliseconds half_close_timeout = std::chrono::minutes(5);
    /// The filters of the two directions. Null: bytes pass unchanged.
    RelayFilter* a_to_b = nullptr;
    RelayFilter* b_to_a = nullptr;
    /// Null: bytes are not counted live.
    RelayCounters* counters = nullptr;
};

/// Runs until both directions have ended, one failed, or a stream was cancelled or closed from outside
/// (Code::cancelled). If a side no longer accepts bytes, what it had sent before is still forwarded to the
/// other. Does not close the streams: a failed one is cancelled, the other one stays usable if it is whole.
/// Both streams must outlive the call and belong to the caller's loop.
boost::asio::awaitable<RelayEnd> relay(ByteStream& a, ByteStream& b, RelayOptions options);

}  // namespace postern::net

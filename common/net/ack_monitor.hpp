// Detects that a TCP peer which owes an acknowledgement has fallen silent. A peer whose receive window is
// closed still answers window probes (RFC 9293, section 3.8.6.1): one that only pauses reading is not gone.
// TCP_USER_TIMEOUT does not tell the two apart.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

namespace postern::net {

/// What the kernel knows about a peer's acknowledgements (TCP_INFO).
struct PeerAnswers {
    /// Whether data was retransmitted and not acknowledged, or a window probe was not answered.
    bool is_owed = false;
    /// Bytes that the peer has acknowledged since the connection began. Retransmissions by the peer
    /// acknowledge nothing new.
    std::uint64_t confirmed_bytes = 0;
};

/// Watches one connection. Pure: times are passed in. Not thread-safe.
class AckMonitor {
public:
    /// Call it every few seconds. Returns whether an acknowledgement has been owed for all of `timeout`.
    bool is_silent(const PeerAnswers& answers, std::chrono::steady_clock::time_point now,
                   std::chrono::steady_clock::duration timeout) noexcept;

private:
    std::optional<std::chrono::steady_clock::time_point> since_;
    std::uint64_t confirmed_bytes_ = 0;
};

}  // namespace postern::net

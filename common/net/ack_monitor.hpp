// Whether a peer across a network that owes an answer has fallen silent. One that has no room for more bytes
// answers all the same when it is asked after its window (RFC 9293, section 3.8.6.1): who pauses is not gone.
// TCP_USER_TIMEOUT does not tell the two apart.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

namespace postern::net {

/// What the kernel knows of a peer's answers (TCP_INFO).
struct PeerAnswers {
    /// Something was sent again and has not been confirmed, or the window was asked after without an answer.
    bool is_owed = false;
    /// Of what was sent, since the connection began. What the peer itself sends again confirms nothing.
    std::uint64_t confirmed_bytes = 0;
};

class AckMonitor {
public:
    /// To be told every few seconds; whether an answer has been owed for all of `timeout`.
    bool is_silent(const PeerAnswers& answers, std::chrono::steady_clock::time_point now,
                   std::chrono::steady_clock::duration timeout) noexcept;

private:
    std::optional<std::chrono::steady_clock::time_point> since_;
    std::uint64_t confirmed_bytes_ = 0;
};

}  // namespace postern::net

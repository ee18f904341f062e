#include "net/ack_monitor.hpp"

namespace postern::net {

bool AckMonitor::is_silent(const PeerAnswers& answers, std::chrono::steady_clock::time_point now,
                           std::chrono::steady_clock::duration timeout) noexcept {
    if (!answers.is_owed || !since_ || answers.confirmed_bytes != confirmed_bytes_) {
        since_ = answers.is_owed ? std::optional(now) : std::nullopt;
        confirmed_bytes_ = answers.confirmed_bytes;
        return false;
    }
    return now - *since_ >= timeout;
}

}  // namespace postern::net

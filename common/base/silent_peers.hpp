// Connections on which the peer never said a byte: load balancers and monitors look so whether a port is open,
// every few seconds. Each is counted, and none has a record or a log line of its own.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <mutex>

namespace postern {

/// Thread-safe.
class SilentPeers {
public:
    using Time = std::chrono::steady_clock::time_point;

    void note() noexcept { ++total_; }
    /// Since the start.
    std::size_t total() const noexcept { return total_; }
    /// Logs how many there were, once an hour, if there were any. To be called every second or so.
    void tell(Time now);

private:
    static constexpr std::chrono::hours kTellEvery{1};

    std::atomic<std::size_t> total_ = 0;
    std::mutex mutex_;
    std::size_t told_ = 0;
    Time tell_at_{};
};

}  // namespace postern

// Counts connections on which the peer never sent a byte. Load balancers and monitoring open such connections
// every few seconds to check a port, so that they get no record and no log line of their own.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <mutex>

namespace postern {

/// The count, and the time of its last log line. Thread-safe.
class SilentPeers {
public:
    using Time = std::chrono::steady_clock::time_point;

    void note() noexcept { ++total_; }
    /// The number since the program started.
    std::size_t total() const noexcept { return total_; }
    /// Logs once an hour how many there were since the last line, if there were any. Call it about every
    /// second.
    void tell(Time now);

private:
    static constexpr std::chrono::hours kTellEvery{1};

    std::atomic<std::size_t> total_ = 0;
    std::mutex mutex_;
    std::size_t told_ = 0;
    Time tell_at_{};
};

}  // namespace postern

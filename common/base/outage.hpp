// Detects outages of something that is tried repeatedly. The log has one line when an outage begins and one
// when it ends, and none for each attempt.
#pragma once

#include <chrono>
#include <cstddef>
#include <mutex>
#include <optional>

namespace postern {

/// The state of one thing that can fail. Thread-safe.
class Outage {
public:
    using Time = std::chrono::steady_clock::time_point;

    /// An outage ends at the first success that comes at least `rest` after the last failure: when success
    /// and failure alternate, that is one outage.
    explicit Outage(std::chrono::milliseconds rest = std::chrono::seconds(10)) : rest_(rest) {}

    /// Notes a failure. Returns whether an outage begins with it, which the caller is to log.
    bool fails(Time now);
    /// Notes a success. If it ends an outage, returns how many failures that outage had.
    std::optional<std::size_t> works(Time now);

private:
    const std::chrono::milliseconds rest_;
    std::mutex mutex_;
    std::size_t failures_ = 0;
    Time last_failure_{};
};

}  // namespace postern

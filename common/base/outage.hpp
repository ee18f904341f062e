// Something that fails again and again: the log has one line when that begins and one when it is over, and none
// for each attempt.
#pragma once

#include <chrono>
#include <cstddef>
#include <mutex>
#include <optional>

namespace postern {

/// Thread-safe.
class Outage {
public:
    using Time = std::chrono::steady_clock::time_point;

    /// It is over once it has not failed for so long: what works and fails by turns is one outage.
    explicit Outage(std::chrono::milliseconds rest = std::chrono::seconds(10)) : rest_(rest) {}

    /// A failure: whether an outage begins with it, and it is to be told.
    bool fails(Time now);
    /// A success: with the one that ends an outage, how often it failed in it.
    std::optional<std::size_t> works(Time now);

private:
    const std::chrono::milliseconds rest_;
    std::mutex mutex_;
    std::size_t failures_ = 0;
    Time last_failure_{};
};

}  // namespace postern

// Limits the number of audit records that strangers can cause. Anyone who can reach a port can fail there as
// often as they like, and must not be able to fill a disk in that way. Events beyond the limit are counted
// and reported in one record.
#pragma once

#include <chrono>
#include <cstddef>
#include <mutex>

namespace postern {

/// At most about 6 GB of records a day.
inline constexpr std::size_t kRecordsOfStrangersPerMinute = 6000;

/// A token bucket that also counts the events it turned away. Thread-safe.
class RecordBudget {
public:
    using Time = std::chrono::steady_clock::time_point;

    /// The bucket holds `per_minute` tokens and is refilled evenly at that rate.
    explicit RecordBudget(std::size_t per_minute);

    /// Whether one more event may have a record of its own at `now`. If not, the event is counted.
    bool take(Time now);
    /// Counts an event that got no record for another reason.
    void leave_out();
    /// Returns the number of events counted since the last call, which the caller is to record. A caller that
    /// cannot record it gives the number back with put_back().
    std::size_t take_untold();
    void put_back(std::size_t untold);
    /// Changes the limit.
    void set(std::size_t per_minute);

private:
    std::mutex mutex_;
    double per_minute_;
    double left_;
    Time filled_at_{};
    std::size_t untold_ = 0;
};

}  // namespace postern

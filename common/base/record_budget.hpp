// How many records strangers may cause: whoever can reach a port can fail there as often as they like, and
// must not be able to fill a disk by it. What goes beyond is counted, and told in one record.
#pragma once

#include <chrono>
#include <cstddef>
#include <mutex>

namespace postern {

/// Some 6 GB a day at the most.
inline constexpr std::size_t kRecordsOfStrangersPerMinute = 6000;

/// Thread-safe.
class RecordBudget {
public:
    using Time = std::chrono::steady_clock::time_point;

    /// So many at once, and as many again a minute, evenly.
    explicit RecordBudget(std::size_t per_minute);

    /// Whether one more is to have a record of its own at `now`. Otherwise it is counted.
    bool take(Time now);
    /// Counts one for which there is no room for another reason.
    void leave_out();
    /// What was counted since the last call, which is to be told of. Who cannot tell of it puts it back.
    std::size_t take_untold();
    void put_back(std::size_t untold);
    void set(std::size_t per_minute);

private:
    std::mutex mutex_;
    double per_minute_;
    double left_;
    Time filled_at_{};
    std::size_t untold_ = 0;
};

}  // namespace postern

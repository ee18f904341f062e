// A time for what cannot be taken back: to forget certificates, and to leave a revocation off the list. It
// is never ahead of the wall clock, and where that jumps ahead it goes on evenly until the new time has stood
// for a day: a clock that was set wrong, by hand or by a machine that woke up, is set right before anything
// is lost.
#pragma once

#include <chrono>
#include <mutex>
#include <optional>

#include "base/clock.hpp"
#include "base/even_clock.hpp"

namespace postern::ca {

/// Thread-safe. To be asked every few seconds: what it has not seen between two jumps, it takes for one. A
/// clock that is wrong when this object is made cannot be told from a right one.
class SettledClock {
public:
    static constexpr std::chrono::hours kStands{24};
    /// What a wall clock may be moved ahead by at once without being doubted.
    static constexpr std::chrono::minutes kSlack{1};

    SettledClock(Clock wall, EvenClock even);

    /// Logs that a jump was seen, and that its time counts from now on.
    SystemTime now();

private:
    struct Jump {
        std::chrono::steady_clock::time_point seen_at;
        SystemTime::duration ahead_by{};
    };

    const Clock wall_;
    const EvenClock even_;
    std::mutex mutex_;
    SystemTime settled_;
    std::chrono::steady_clock::time_point settled_at_;
    std::optional<Jump> jump_;
};

}  // namespace postern::ca

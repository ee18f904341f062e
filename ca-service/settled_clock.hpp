// A clock for decisions that cannot be taken back: to forget certificates, and to leave a revocation off the
// list. It is never ahead of the wall clock. When the wall clock jumps ahead, it goes on evenly until the new
// time has stood for a day, so that a clock that was set wrong (by hand, or when the machine woke up) is set
// right before anything is lost.
#pragma once

#include <chrono>
#include <mutex>
#include <optional>

#include "base/clock.hpp"
#include "base/even_clock.hpp"

namespace postern::ca {

/// Follows the wall clock and holds its jumps back. Thread-safe. Call now() every few seconds: several jumps
/// between two calls are seen as one. A clock that is already wrong when this object is made cannot be told
/// from a right one.
class SettledClock {
public:
    /// How long a jump must stand before its time counts.
    static constexpr std::chrono::hours kStands{24};
    /// How far the wall clock may move ahead at once without being doubted.
    static constexpr std::chrono::minutes kSlack{1};

    SettledClock(Clock wall, EvenClock even);

    /// Returns the settled time. Logs a warning when it sees a jump, and another when the new time counts.
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

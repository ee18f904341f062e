#include "ca-service/settled_clock.hpp"

#include <utility>

#include <spdlog/spdlog.h>

namespace postern::ca {

using std::chrono::duration_cast;

SettledClock::SettledClock(Clock wall, EvenClock even)
    : wall_(std::move(wall)), even_(std::move(even)), settled_(wall_()), settled_at_(even_()) {}

SystemTime SettledClock::now() {
    const std::lock_guard lock(mutex_);
    const auto even = even_();
    const SystemTime wall = wall_();
    const SystemTime expected = settled_ + duration_cast<SystemTime::duration>(even - settled_at_);
    settled_at_ = even;
    if (wall <= expected + kSlack) {
        // A clock that went back is followed at once: what is forgotten later is forgotten soon enough.
        settled_ = wall;
        jump_.reset();
        return settled_;
    }
    const auto ahead_by = wall - expected;
    if (!jump_ || ahead_by > jump_->ahead_by + kSlack) {
        jump_ = Jump{even, ahead_by};
        spdlog::warn("event=clock.jumped now={} expected={} hint=\"check this machine's clock\"",
                     format_time(wall), format_time(expected));
    }
    if (even - jump_->seen_at < kStands) {
        settled_ = expected;
        return settled_;
    }
    spdlog::warn("event=clock.jump_taken now={} instead_of={}", format_time(wall), format_time(expected));
    settled_ = wall;
    jump_.reset();
    return settled_;
}

}  // namespace postern::ca

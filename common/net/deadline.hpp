// Deadlines as points in time. A call that waits takes a Deadline and hands it on to the calls below it, so
// that nobody subtracts the time that has passed.
#pragma once

#include <algorithm>
#include <chrono>

namespace postern::net {

/// The point in time at which a wait ends, by the steady clock. A value; any thread.
class Deadline {
public:
    using Clock = std::chrono::steady_clock;

    /// A timeout converts: the deadline is that long from now.
    template <class Rep, class Period>
    Deadline(std::chrono::duration<Rep, Period> timeout)  // NOLINT(google-explicit-constructor)
        : at_(Clock::now() + std::chrono::ceil<Clock::duration>(timeout)) {}
    static Deadline at(Clock::time_point time) noexcept { return Deadline(time); }

    Clock::time_point time() const noexcept { return at_; }
    bool has_passed() const noexcept { return Clock::now() >= at_; }

    friend bool operator<(const Deadline& a, const Deadline& b) noexcept { return a.at_ < b.at_; }

private:
    explicit Deadline(Clock::time_point time) noexcept : at_(time) {}

    Clock::time_point at_;
};

}  // namespace postern::net

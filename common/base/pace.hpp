// Exponential backoff with jitter for an action that is repeated until it succeeds. The bound of each pause
// is twice the one before, up to a maximum, and a random part of the pause is left out, so that many clients
// that failed together do not return together. Pure: times are passed in.
#pragma once

#include <chrono>

namespace postern {

/// The schedule of one repeated action. Not thread-safe.
class Pace {
public:
    using Time = std::chrono::steady_clock::time_point;
    using Span = std::chrono::milliseconds;
    /// Returns a number from 0 (included) to 1 (not included). It may be called from any thread.
    using Chance = double (*)();

    /// The limits of the pauses.
    struct Bounds {
        /// The longest possible first pause.
        Span first;
        /// The longest possible pause.
        Span most;
    };

    explicit Pace(Bounds bounds, Chance chance = &Pace::random) : bounds_(bounds), chance_(chance) {}

    /// Notes that the action failed, or succeeded without effect. It is due again after the returned pause,
    /// which is between half of the present bound and the whole of it.
    Span failed(Time now);
    /// Notes that the action succeeded: it is due at once, and the next pause is a first one.
    void worked() noexcept;
    bool is_due(Time now) const noexcept { return now >= due_; }
    Time due() const noexcept { return due_; }

    /// The source of random numbers in production. Thread-safe.
    static double random();

private:
    Bounds bounds_;
    Chance chance_;
    Span bound_{0};
    Time due_{};
};

}  // namespace postern

// Exponential backoff with jitter, for an action that is repeated until it helps: each pause is twice the one
// before, up to a bound, and a random part of it is left out, so that many who failed together do not come back
// together. Pure: times are handed in. Not thread-safe.
#pragma once

#include <chrono>

namespace postern {

class Pace {
public:
    using Time = std::chrono::steady_clock::time_point;
    using Span = std::chrono::milliseconds;
    /// A number from 0 (included) to 1 (not included). Any thread.
    using Chance = double (*)();

    struct Bounds {
        /// The longest that the first pause can be.
        Span first;
        /// The longest that any can be.
        Span most;
    };

    explicit Pace(Bounds bounds, Chance chance = &Pace::random) : bounds_(bounds), chance_(chance) {}

    /// The action failed, or succeeded and did not help: it is due again after a pause, which is returned.
    /// Between half of the present bound and the whole of it.
    Span failed(Time now);
    /// It helped: the next pause is a first one, and nothing is waited for.
    void worked() noexcept;
    bool is_due(Time now) const noexcept { return now >= due_; }
    Time due() const noexcept { return due_; }

    static double random();

private:
    Bounds bounds_;
    Chance chance_;
    Span bound_{0};
    Time due_{};
};

}  // namespace postern

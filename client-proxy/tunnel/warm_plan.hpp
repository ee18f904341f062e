// Decides how many warm connections to keep to one gateway: a few while its services are used, more for a
// while after a burst took all of them, and none when nobody has asked for a long time. It reads no clock:
// times are parameters. Not thread-safe.
#pragma once

#include <chrono>
#include <cstddef>

#include "base/pace.hpp"
#include "client-proxy/config/warm_options.hpp"

namespace postern::client {

class WarmPlan {
public:
    using Time = std::chrono::steady_clock::time_point;
    using Span = std::chrono::milliseconds;

    explicit WarmPlan(WarmOptions options, Pace::Chance chance = &Pace::random)
        : options_(options), pace_({std::chrono::seconds(1), std::chrono::seconds(60)}, chance) {}

    /// Notes that a port was opened, so a request will come soon.
    void expect(Time now);
    /// Notes a request. `was_there` says whether a warm connection was ready, and `spare` how many are left.
    /// When none was ready, more are kept.
    void asked(Time now, bool was_there, std::size_t spare);
    /// Is called regularly with the number of ready connections, and lowers the target by those that were not
    /// needed for a while.
    void look(Time now, std::size_t ready);
    /// The number of connections that should be ready.
    std::size_t wanted(Time now) const;

    /// Notes that the gateway answered a request.
    void worked();
    /// Notes that a connection could not be opened, or ended early at `age`. The next attempt is delayed, and
    /// after an early end later connections are replaced sooner.
    void failed(Time now);
    void ended_early(Time now, Span age);
    bool may_open(Time now) const { return pace_.is_due(now); }
    /// Forgets what was learned, because the machine is on another network.
    void forget_failures();

    /// Whether a connection of that age is to be replaced.
    bool is_old(Span age) const { return age >= lifetime_; }
    /// Notes that a connection reached its full age and was replaced. Longer lifetimes are tried again, up to
    /// the configured one.
    void replaced_in_time();

private:
    void pause_from(Time now);

    const WarmOptions options_;
    std::size_t target_ = 0;
    Time last_asked_{};
    bool is_used_ = false;
    /// The smallest number that was ready since the target was last lowered.
    std::size_t least_spare_ = 0;
    Time calm_since_{};
    Span lifetime_ = options_.lifetime;
    Pace pace_;
};

}  // namespace postern::client

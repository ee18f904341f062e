// How many warm connections to keep to one gateway: a few while its services are used, more for a while after
// a burst took all of them, none when nobody has asked for long. Pure: times are handed in. Not thread-safe.
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

    /// A port opened: somebody will ask soon.
    void expect(Time now);
    /// Somebody asked; `spare` are left after that. A miss, none was there, makes for more.
    void asked(Time now, bool was_there, std::size_t spare);
    /// To be called now and then, with the number that stand ready: what was not needed for a while goes.
    void look(Time now, std::size_t ready);
    /// How many should stand ready.
    std::size_t wanted(Time now) const;

    /// The gateway answered somebody.
    void worked();
    /// A connection could not be opened, or ended before its time, at that age: the next one waits, and the
    /// time of those after it is shorter.
    void failed(Time now);
    void ended_early(Time now, Span age);
    bool may_open(Time now) const { return pace_.is_due(now); }
    /// The network is another one: nothing learned so far counts.
    void forget_failures();

    /// One that has stood for so long is to be replaced.
    bool is_old(Span age) const { return age >= lifetime_; }
    /// One was replaced for its age alone: as long as that is known to be good.
    void replaced_in_time();

private:
    void pause_from(Time now);

    const WarmOptions options_;
    std::size_t target_ = 0;
    Time last_asked_{};
    bool is_used_ = false;
    /// The least that stood ready since the last look that took some away.
    std::size_t least_spare_ = 0;
    Time calm_since_{};
    Span lifetime_ = options_.lifetime;
    Pace pace_;
};

}  // namespace postern::client

#include "client-proxy/tunnel/warm_plan.hpp"

#include <algorithm>

namespace postern::client {

namespace {

using namespace std::chrono_literals;

/// How long the connections that a burst needed are kept.
constexpr auto kCalm = 5s;
constexpr WarmPlan::Span kLeastLifetime = 5s;

}  // namespace

void WarmPlan::expect(Time now) {
    asked(now, true, target_);
}

void WarmPlan::asked(Time now, bool was_there, std::size_t spare) {
    if (wanted(now) == 0) {
        target_ = std::min(options_.few, options_.most);
        calm_since_ = now;
        least_spare_ = target_;
    } else if (!was_there) {
        target_ = std::min(target_ * 2, options_.most);
    }
    is_used_ = true;
    last_asked_ = now;
    least_spare_ = std::min(least_spare_, spare);
}

void WarmPlan::look(Time now, std::size_t ready) {
    least_spare_ = std::min(least_spare_, ready);
    if (now - calm_since_ < kCalm) {
        return;
    }
    const std::size_t needed = target_ - std::min(target_, least_spare_);
    target_ = std::clamp(needed, std::min(options_.few, target_), target_);
    least_spare_ = target_;
    calm_since_ = now;
}

std::size_t WarmPlan::wanted(Time now) const {
    return is_used_ && now - last_asked_ < options_.rest ? target_ : 0;
}

void WarmPlan::worked() {
    pace_.worked();
}

void WarmPlan::failed(Time now) {
    pause_from(now);
}

void WarmPlan::ended_early(Time now, Span age) {
    // Several connections that end together are one event, of which the oldest is reported first.
    if (!may_open(now)) {
        return;
    }
    lifetime_ = std::clamp(age * 3 / 4, std::min(kLeastLifetime, options_.lifetime), options_.lifetime);
    pause_from(now);
}

void WarmPlan::pause_from(Time now) {
    if (!may_open(now)) {
        return;
    }
    pace_.failed(now);
}

void WarmPlan::forget_failures() {
    worked();
    lifetime_ = options_.lifetime;
}

void WarmPlan::replaced_in_time() {
    lifetime_ = std::min(lifetime_ * 2, options_.lifetime);
    worked();
}

}  // namespace postern::client

#include "ca-service/bearer_budget.hpp"

#include <algorithm>

namespace postern::ca {

BearerBudget::Place BearerBudget::take(const std::string& serial, Time now) {
    const std::lock_guard lock(mutex_);
    auto found = whole_at_.find(serial);
    if (found == whole_at_.end()) {
        if (whole_at_.size() >= rule_.most_certificates) {
            forget_rested(now);
        }
        if (whole_at_.size() >= rule_.most_certificates) {
            // Another's place is not given away: each would have a whole share again when it returns.
            return Place::strangers;
        }
        found = whole_at_.emplace(serial, now).first;
    }
    const Time next = std::max(found->second, now) + rule_.every;
    if (next - now > rule_.every * rule_.at_once) {
        return Place::none;
    }
    found->second = next;
    return Place::own;
}

void BearerBudget::forget_rested(Time now) {
    // Not for each of a flood: it looks at all.
    if (forgotten_at_ != Time() && now - forgotten_at_ < rule_.every / 10) {
        return;
    }
    forgotten_at_ = now;
    std::erase_if(whole_at_, [now](const auto& entry) { return entry.second <= now; });
}

std::size_t BearerBudget::size() const {
    const std::lock_guard lock(mutex_);
    return whole_at_.size();
}

}  // namespace postern::ca

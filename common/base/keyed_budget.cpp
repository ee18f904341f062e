#include "base/keyed_budget.hpp"

#include <algorithm>

namespace postern {

KeyedBudget::Place KeyedBudget::look(const std::string& key, Time now) {
    if (rule_.at_once == 0) {
        return Place::none;
    }
    const auto found = whole_at_.find(key);
    if (found == whole_at_.end()) {
        return makes_room(now) ? Place::own : Place::unknown;
    }
    const Time next = std::max(found->second, now) + rule_.every;
    return next - now > rule_.every * static_cast<std::int64_t>(rule_.at_once) ? Place::none : Place::own;
}

KeyedBudget::Place KeyedBudget::take(const std::string& key, Time now) {
    const Place place = look(key, now);
    if (place == Place::own) {
        Time& whole_at = whole_at_.try_emplace(key, now).first->second;
        whole_at = std::max(whole_at, now) + rule_.every;
    }
    return place;
}

bool KeyedBudget::makes_room(Time now) {
    if (whole_at_.size() < rule_.most_keys) {
        return true;
    }
    // At most once a second, because it looks at all keys: a flood of new keys must not cost that much each.
    if (forgotten_at_ == Time() || now - forgotten_at_ >= std::chrono::seconds(1)) {
        forgotten_at_ = now;
        std::erase_if(whole_at_, [now](const auto& entry) { return entry.second <= now; });
    }
    return whole_at_.size() < rule_.most_keys;
}

}  // namespace postern

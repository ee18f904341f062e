#include "audit/bearer_budget.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace postern::audit {

BearerBudget::BearerBudget(const BearerRules& rules)
    : certificates_(rules.certificate), users_(rules.user), others_(rules.others_per_minute) {}

bool BearerBudget::take(const Bearer& bearer, Time now) {
    using Place = KeyedBudget::Place;
    const std::lock_guard lock(mutex_);
    const Place of_certificate = bearer.serial.empty() ? Place::own : certificates_.look(bearer.serial, now);
    const Place of_user = bearer.user.empty() ? Place::own : users_.look(bearer.user, now);
    bool has_its_own = of_certificate != Place::none && of_user != Place::none;
    if (has_its_own && (of_certificate == Place::unknown || of_user == Place::unknown)) {
        has_its_own = others_.take(now);
    }
    if (!has_its_own) {
        count(bearer, 1);
        return false;
    }
    if (!bearer.serial.empty()) {
        certificates_.take(bearer.serial, now);
    }
    if (!bearer.user.empty()) {
        users_.take(bearer.user, now);
    }
    return true;
}

void BearerBudget::leave_out(const Bearer& bearer) {
    const std::lock_guard lock(mutex_);
    count(bearer, 1);
}

void BearerBudget::count(const Bearer& bearer, std::size_t more) {
    untold_.count += more;
    const auto named = std::find_if(untold_.shares.begin(), untold_.shares.end(), [&](const Share& share) {
        return share.bearer.serial == bearer.serial && share.bearer.user == bearer.user;
    });
    if (named != untold_.shares.end()) {
        named->count += more;
    } else if (untold_.shares.size() < kMostNamed) {
        untold_.shares.push_back({bearer, more});
    }
}

BearerBudget::Untold BearerBudget::take_untold() {
    const std::lock_guard lock(mutex_);
    return std::exchange(untold_, Untold());
}

void BearerBudget::put_back(const Untold& untold) {
    const std::lock_guard lock(mutex_);
    std::size_t unnamed = untold.count;
    for (const Share& share : untold.shares) {
        count(share.bearer, share.count);
        unnamed -= share.count;
    }
    untold_.count += unnamed;
}

std::size_t BearerBudget::size() const {
    const std::lock_guard lock(mutex_);
    return certificates_.size();
}

Record record_of_more(const BearerBudget::Untold& untold) {
    Record record = record_of_more(
        untold.count, Stage::limit,
        fmt::format("{} more were refused meanwhile, of people who have proven who they are.", untold.count));
    nlohmann::json shares = nlohmann::json::array();
    std::size_t named = 0;
    for (const BearerBudget::Share& share : untold.shares) {
        shares.push_back(
            {{"user", share.bearer.user}, {"serial", share.bearer.serial}, {"count", share.count}});
        named += share.count;
    }
    record.extra["postern"]["more_of"] = std::move(shares);
    if (named != untold.count || untold.shares.empty()) {
        return record;
    }
    const Bearer& first = untold.shares.front().bearer;
    const auto is_of_first = [&](const BearerBudget::Share& share) {
        return share.bearer.user == first.user;
    };
    if (std::all_of(untold.shares.begin(), untold.shares.end(), is_of_first)) {
        record.user = first.user;
    }
    if (untold.shares.size() == 1) {
        record.certificate_serial = first.serial;
    }
    return record;
}

}  // namespace postern::audit

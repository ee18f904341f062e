// Which refusals of people who have proven who they are have a record of their own. Whoever has ever had a
// certificate can ask without end (disabled, revoked, for what they may not use), and must neither fill the
// audit log's disk by it nor hide in a flood that others make: what goes beyond their share is counted, and
// told of in one record that names them. In memory and bounded.
#pragma once

#include <cstddef>
#include <mutex>
#include <string>
#include <vector>

#include "audit/record.hpp"
#include "base/keyed_budget.hpp"
#include "base/record_budget.hpp"

namespace postern::audit {

/// Who is refused: the certificate whose key they have proven, and the name in it.
struct Bearer {
    /// Empty for who has proven a password.
    std::string serial;
    /// Empty where a certificate names nobody.
    std::string user;
};

struct BearerRules {
    /// With most_keys it bounds the whole: 2,000 a minute.
    KeyedRule certificate{.at_once = 10, .every = std::chrono::minutes(5), .most_keys = 10'000};
    /// Over all certificates of a person, of which there may be thousands.
    KeyedRule user{.at_once = 50, .every = std::chrono::minutes(1), .most_keys = 10'000};
    /// Of those who cannot be told apart, at once and a minute.
    std::size_t others_per_minute = kRecordsOfStrangersPerMinute;
};

/// Thread-safe.
class BearerBudget {
public:
    using Time = KeyedBudget::Time;
    /// How many certificates one record names.
    static constexpr std::size_t kMostNamed = 16;

    explicit BearerBudget(const BearerRules& rules = {});

    /// Whether one more refusal of the bearer, at `now`, is to have a record of its own. Otherwise it is
    /// counted under the bearer's name.
    bool take(const Bearer& bearer, Time now);
    /// Counts one for which there is no room for another reason.
    void leave_out(const Bearer& bearer);

    struct Share {
        Bearer bearer;
        std::size_t count = 0;
    };
    /// What was counted: in all, and of whom. Those who are named are bounded; the rest is in the number
    /// alone.
    struct Untold {
        std::size_t count = 0;
        std::vector<Share> shares;
    };
    /// What was counted since the last call, which is to be told of. Who cannot tell of it puts it back.
    Untold take_untold();
    void put_back(const Untold& untold);

    /// Certificates that are told apart now.
    std::size_t size() const;

private:
    void count(const Bearer& bearer, std::size_t more);

    mutable std::mutex mutex_;
    KeyedBudget certificates_;
    KeyedBudget users_;
    RecordBudget others_;
    Untold untold_;
};

/// The record of them (postern.more, postern.more_of); user.name and the serial where they are all of one.
Record record_of_more(const BearerBudget::Untold& untold);

}  // namespace postern::audit

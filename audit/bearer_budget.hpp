// Decides which refusals of authenticated peers get an audit record of their own. Anybody who holds a
// certificate, also a revoked one or that of a disabled account, can make requests without end. They must
// neither fill the disk of the audit log nor disappear in a flood that others cause. Refusals beyond a peer's
// share are counted, and one record later gives the counts and names the peers. The counts are kept in memory
// and are bounded.
#pragma once

#include <cstddef>
#include <mutex>
#include <string>
#include <vector>

#include "audit/record.hpp"
#include "base/keyed_budget.hpp"
#include "base/record_budget.hpp"

namespace postern::audit {

/// The peer that is refused: the certificate whose private key it has proven to hold, and the user that the
/// certificate names.
struct Bearer {
    /// Empty for a peer that has proven a password.
    std::string serial;
    /// Empty when the certificate names no user.
    std::string user;
};

/// How many refusals may have records of their own.
struct BearerRules {
    /// The share of one certificate. `at_once` and `every` bound each certificate; together with `most_keys`
    /// they bound all certificates to 2,000 records a minute.
    KeyedRule certificate{.at_once = 10, .every = std::chrono::minutes(5), .most_keys = 10'000};
    /// The share of one user, over all of the user's certificates, of which there may be thousands.
    KeyedRule user{.at_once = 50, .every = std::chrono::minutes(1), .most_keys = 10'000};
    /// The share of all peers that cannot be told apart because `most_keys` are tracked already: so many at
    /// once, and as many again each minute.
    std::size_t others_per_minute = kRecordsOfStrangersPerMinute;
};

/// Tracks the shares of certificates and users. Thread-safe.
class BearerBudget {
public:
    using Time = KeyedBudget::Time;
    /// The largest number of certificates that one record names.
    static constexpr std::size_t kMostNamed = 16;

    explicit BearerBudget(const BearerRules& rules = {});

    /// Returns whether one more refusal of `bearer` at `now` gets a record of its own. Otherwise it counts
    /// the refusal for the record that names several.
    bool take(const Bearer& bearer, Time now);
    /// Counts a refusal that gets no record for another reason, for example because the audit log cannot be
    /// written.
    void leave_out(const Bearer& bearer);

    /// How many refusals of one bearer were counted.
    struct Share {
        Bearer bearer;
        std::size_t count = 0;
    };
    /// The refusals that were counted: `count` is their total. `shares` names at most kMostNamed bearers; the
    /// refusals of all others are in `count` alone.
    struct Untold {
        std::size_t count = 0;
        std::vector<Share> shares;
    };
    /// Returns the refusals that were counted since the last call, for a record about them, and resets the
    /// counts. A caller that cannot write that record returns them with put_back().
    Untold take_untold();
    void put_back(const Untold& untold);

    /// The number of certificates that are tracked now.
    std::size_t size() const;

private:
    void count(const Bearer& bearer, std::size_t more);

    mutable std::mutex mutex_;
    KeyedBudget certificates_;
    KeyedBudget users_;
    RecordBudget others_;
    Untold untold_;
};

/// Makes the one record about the counted refusals (fields postern.more and postern.more_of). It also holds
/// the user's name and the serial number when all of the refusals are of one user or one certificate.
Record record_of_more(const BearerBudget::Untold& untold);

}  // namespace postern::audit

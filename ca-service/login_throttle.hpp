// Limits how often a password may be tried: per user and per address, or per key of an earlier login, with a
// delay that doubles. The counts are in memory and bounded. An attempt is charged before it is judged, so
// that a thousand attempts at once do not slip through together.
#pragma once

#include <chrono>
#include <cstddef>
#include <list>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/clock.hpp"
#include "pki/certificate.hpp"

namespace postern::ca {

/// From the `free_failures`-th failure on, the next attempt has to wait for `first_delay`, then for twice as
/// long each time, up to `most_delay`. One failure is forgotten each `forgive_every`.
struct ThrottleRule {
    unsigned free_failures = 5;
    std::chrono::milliseconds first_delay = std::chrono::seconds(1);
    std::chrono::milliseconds most_delay = std::chrono::seconds(30);
    std::chrono::milliseconds forgive_every = std::chrono::minutes(2);
};

struct ThrottleRules {
    /// The delays are short, because a stranger who guesses can lock a user out for `most_delay` at a time;
    /// LoginThrottle says where even that is impossible.
    ThrottleRule user;
    /// Many failures are free, because an office shares one address and attempts count while they are judged:
    /// more are free than can be under way at once. An address that continues waits long.
    ThrottleRule address{.free_failures = 200,
                         .first_delay = std::chrono::seconds(1),
                         .most_delay = std::chrono::minutes(10),
                         .forgive_every = std::chrono::seconds(30)};
    /// Half of the entries are for familiar pairs of user and address, which nobody's failures can evict.
    std::size_t most_entries = 20'000;
};

/// Counts the failed attempts. Thread-safe.
///
/// A user and an address that succeeded together before are a familiar pair, which has a count of its own and
/// no other. So another person's guessing does not lock the user out, neither under the user's name from
/// elsewhere nor under other names from the user's own office. A peer that proves the key of an earlier login
/// of the very user is counted by that key alone, also at a familiar address, since nobody else has it. Both
/// survive a restart: the certificate says whose its key is, and the store remembers the pairs.
///
/// All names that are no login name count as one user, since nobody has such a name and strangers choose its
/// length.
class LoginThrottle {
public:
    /// A steady clock, because a wall clock that was set back would lock everybody out until it caught up.
    using Time = std::chrono::steady_clock::time_point;

    explicit LoginThrottle(ThrottleRules rules = {});

    /// An admitted attempt, with the counts that it was charged to. The charge is taken back from those, even
    /// if the pair has become familiar or was evicted in the meantime.
    struct Attempt {
        std::string charged_user;
        /// Empty for a familiar pair, and for a peer that has proven a known key.
        std::string charged_address;
        /// Empty for a name that is no login name.
        std::string pair;
    };
    /// The answer of admit().
    struct Admission {
        /// Empty when the attempt may go on, in which case it was charged; otherwise how long to wait.
        std::optional<std::chrono::milliseconds> wait;
        Attempt attempt;
        /// What the attempt was charged to: the familiar pair, the known key, or the address. Attempts of one
        /// lane wait for each other in the queue for a worker (Turn::lane).
        std::string lane;
        /// The failures that were counted there before; they decide the rank in that queue.
        unsigned failures_before = 0;
    };

    /// Charges an attempt, unless its user or address has to wait. `known_key` is the result of known_key()
    /// for a key that the peer has proven, or empty.
    Admission admit(const std::string& user, std::string_view address, Time now,
                    std::string_view known_key = {});
    /// Reports that an admitted attempt was right: takes its charge back, and counts the user and the address
    /// as a familiar pair from now on.
    void succeeded(const Attempt& attempt, Time now);
    /// Counts `user` and `network` (throttled_network()) as a familiar pair from now on, because the store
    /// remembers that they succeeded together before.
    void remember(const std::string& user, const std::string& network);
    /// Takes the charge of an admitted attempt back that was not judged, because the service itself failed.
    void refund(const Attempt& attempt, Time now);

    std::size_t size() const;

private:
    struct Entry {
        unsigned failures = 0;
        Time last_charge{};
        Time blocked_until{};
        bool is_familiar = false;
        /// The position of the entry's key in `familiar_` or `order_`.
        std::list<std::string>::iterator place;
    };

    using Order = std::list<std::string>;
    Entry& entry(const std::string& key);
    Entry& familiar_entry(const std::string& key);
    void bound(Order& order);
    Attempt attempt_of(const std::string& user, std::string_view address, std::string_view known_key) const;
    void uncharge(const std::string& key, const ThrottleRule& rule, Time now);
    static void forgive(Entry& entry, const ThrottleRule& rule, Time now);
    static std::chrono::milliseconds delay_after(unsigned failures, const ThrottleRule& rule);

    ThrottleRules rules_;
    mutable std::mutex mutex_;
    std::unordered_map<std::string, Entry> entries_;
    /// Keys, least recently used first: `familiar_` has those of familiar pairs, `order_` all others.
    Order familiar_;
    Order order_;
};

/// How long after its end a certificate still proves that its key is this user's: a long holiday.
inline constexpr std::chrono::hours kKeyKnownFor{24 * 90};

/// Returns the name under which the throttle counts the key of an earlier login of `user`. Returns an empty
/// string where `presented` is not a login certificate of that user in `trust_domain`, or ended longer than
/// kKeyKnownFor ago. The peer must have proven the key, and the chain must have been verified except for the
/// certificate's end.
std::string known_key(const pki::Certificate& presented, std::string_view user, std::string_view trust_domain,
                      SystemTime now);

/// Returns the part of an address that one stranger holds: the whole of an IPv4 address, the /64 of an IPv6
/// address.
std::string throttled_network(std::string_view address);

}  // namespace postern::ca

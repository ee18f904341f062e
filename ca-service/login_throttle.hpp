// How often a password may be tried: per user and per address, or by the key of an earlier login, with a delay
// that doubles. In memory and bounded; an attempt is charged before it is judged, so that a thousand at once do not slip through
// together.
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

/// From the `free_failures`-th failure on, the next attempt waits `first_delay`, then twice as long, up to
/// `most_delay`. One failure is forgotten each `forgive_every`.
struct ThrottleRule {
    unsigned free_failures = 5;
    std::chrono::milliseconds first_delay = std::chrono::seconds(1);
    std::chrono::milliseconds most_delay = std::chrono::seconds(30);
    std::chrono::milliseconds forgive_every = std::chrono::minutes(2);
};

struct ThrottleRules {
    /// A stranger who guesses can hold a user out for `most_delay` at a time, so that it is short; but see
    /// LoginThrottle.
    ThrottleRule user;
    /// Offices share an address, and attempts count while they are judged: more are free than can be under
    /// way at once. But who goes on waits long.
    ThrottleRule address{.free_failures = 200,
                         .first_delay = std::chrono::seconds(1),
                         .most_delay = std::chrono::minutes(10),
                         .forgive_every = std::chrono::seconds(30)};
    /// Half of them for pairs of user and address that belong together, which nobody's failures push out.
    std::size_t most_entries = 20'000;
};

/// Thread-safe. A user and an address that succeeded together before are counted on their own, and by nothing
/// else, so that somebody else's guessing does not lock the user out: neither at the user's name from
/// elsewhere, nor at other names from the user's own office. And whoever proves the key of an earlier login of
/// that very user is counted by that key alone: nobody else has it, also at the same address. Both outlive a restart:
/// the certificate says whose its key is, and the store remembers the pairs. What is no login name counts as one user
/// whatever it is: nobody has it, and strangers choose its length.
class LoginThrottle {
public:
    /// Not the wall clock: one that was set back would hold everybody out until it caught up.
    using Time = std::chrono::steady_clock::time_point;

    explicit LoginThrottle(ThrottleRules rules = {});

    /// An admitted attempt: what it was charged to, so that its charge is taken back from there, whatever
    /// became of the pair meanwhile.
    struct Attempt {
        std::string charged_user;
        /// Empty where user and address are a familiar pair, and for who has proven a known key.
        std::string charged_address;
        /// Empty for what is no login name.
        std::string pair;
    };
    struct Admission {
        /// Nothing when the attempt may go on (it is then charged); otherwise how long to wait.
        std::optional<std::chrono::milliseconds> wait;
        Attempt attempt;
        /// What it was charged to, user and address as a familiar pair or the address alone, and the failures
        /// counted there before: who waits with whom for a worker, and behind whom.
        std::string lane;
        unsigned failures_before = 0;
    };

    /// `known_key`: the key of an earlier login of this user that the peer has proven (known_key()); or empty.
    Admission admit(const std::string& user, std::string_view address, Time now,
                    std::string_view known_key = {});
    /// The admitted attempt was right: takes its charge back, and from now on counts user and address as a
    /// pair of their own.
    void succeeded(const Attempt& attempt, Time now);
    /// That user and address have succeeded together before, as the store remembers it: counts them as a pair of
    /// their own from now on.
    void remember(const std::string& user, const std::string& network);
    /// The admitted attempt was never judged (the service itself failed): takes its charge back.
    void refund(const Attempt& attempt, Time now);

    std::size_t size() const;

private:
    struct Entry {
        unsigned failures = 0;
        Time last_charge{};
        Time blocked_until{};
        bool is_familiar = false;
        /// In `familiar_` or `order_`.
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
    /// Keys, least recently used first: of familiar pairs, and of all else.
    Order familiar_;
    Order order_;
};

/// For how long after its end a certificate still says that its key is this user's: a long holiday.
inline constexpr std::chrono::hours kKeyKnownFor{24 * 90};

/// By what the throttle knows the key of an earlier login of `user`; empty where the certificate, whose key has
/// been proven and whose chain verified but for its end, is none of such.
std::string known_key(const pki::Certificate& presented, std::string_view user, std::string_view trust_domain,
                      SystemTime now);

/// The part of an address that one stranger holds: the whole of IPv4, the /64 of IPv6.
std::string throttled_network(std::string_view address);

}  // namespace postern::ca

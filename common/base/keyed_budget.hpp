// A token bucket for each of many keys. It limits how often the holder of a key may cause something (a
// record, a tunnel): a burst at first, then one at regular intervals. It is kept in memory and is bounded. A
// key that has used up its budget takes nothing from the others.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <unordered_map>

namespace postern {

/// The limit for each key: `at_once` tokens at first, and one more after each `every`.
struct KeyedRule {
    std::size_t at_once = 10;
    std::chrono::microseconds every = std::chrono::minutes(5);
    /// The number of keys that are tracked at a time. Together with the other two it bounds the total of all
    /// keys.
    std::size_t most_keys = 10'000;
};

/// Tracks the token buckets of all keys. Not thread-safe.
class KeyedBudget {
public:
    using Time = std::chrono::steady_clock::time_point;

    /// The answer to a request for a token.
    enum class Place {
        /// The key has a token left.
        own,
        /// The key has no token left.
        none,
        /// The key is new and cannot be tracked, because too many keys are in use.
        unknown
    };

    explicit KeyedBudget(KeyedRule rule = {}) : rule_(rule) {}

    /// What take() would return at `now`. Takes no token.
    Place look(const std::string& key, Time now);
    /// Takes one of the key's tokens at `now`. Nobody may be able to invent a key: it must be proven by a
    /// signature.
    Place take(const std::string& key, Time now);
    /// Changes the limits. Tokens that were taken stay taken.
    void set(KeyedRule rule) { rule_ = rule; }

    /// The number of keys that are tracked.
    std::size_t size() const noexcept { return whole_at_.size(); }

private:
    /// Whether one more key can be tracked. Keys whose bucket is full again may be forgotten; others are not,
    /// because each would have a full bucket when it returned.
    bool makes_room(Time now);

    KeyedRule rule_;
    /// For each key, the time at which its bucket will be full again.
    std::unordered_map<std::string, Time> whole_at_;
    Time forgotten_at_{};
};

}  // namespace postern

// A token bucket for each of many keys: how often somebody may cause something (a record, a tunnel), so many
// times at once and then one each so often. In memory and bounded: whoever has used up their share keeps no other
// from theirs.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <unordered_map>

namespace postern {

/// Of one key: so many at once, and then one each `every`.
struct KeyedRule {
    std::size_t at_once = 10;
    std::chrono::microseconds every = std::chrono::minutes(5);
    /// Keys that are told apart at a time. With `every` it bounds the whole.
    std::size_t most_keys = 10'000;
};

/// Not thread-safe.
class KeyedBudget {
public:
    using Time = std::chrono::steady_clock::time_point;

    enum class Place {
        /// One of the key's own.
        own,
        /// The key has had its share.
        none,
        /// Too many keys are in use at a time for this one to be told apart.
        unknown
    };

    explicit KeyedBudget(KeyedRule rule = {}) : rule_(rule) {}

    /// What take() would say at `now`, without taking it.
    Place look(const std::string& key, Time now);
    /// One of the key's share, at `now`. A key must be one that nobody can make up: proven by a signature.
    Place take(const std::string& key, Time now);
    /// From now on; what was taken stays so.
    void set(KeyedRule rule) { rule_ = rule; }

    std::size_t size() const noexcept { return whole_at_.size(); }

private:
    bool makes_room(Time now);

    KeyedRule rule_;
    /// For each key, when its bucket will be full again.
    std::unordered_map<std::string, Time> whole_at_;
    Time forgotten_at_{};
};

}  // namespace postern

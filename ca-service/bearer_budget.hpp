// How many records the bearers of login certificates may cause with renewals that are refused. Whoever has
// ever had a login can ask without end (disabled, revoked, expired), and must neither fill the audit log's
// disk by it nor hide in a flood that others make. In memory and bounded.
#pragma once

#include <chrono>
#include <cstddef>
#include <mutex>
#include <string>
#include <unordered_map>

namespace postern::ca {

/// Of one certificate: so many refusals at once have a record of their own, and then one each `every`.
struct BearerRule {
    unsigned at_once = 10;
    std::chrono::milliseconds every = std::chrono::minutes(5);
    /// Certificates that are told apart at a time. With `every` it bounds the whole: 2,000 a minute, some
    /// 3 GB a day.
    std::size_t most_certificates = 10'000;
};

/// Thread-safe.
class BearerBudget {
public:
    using Time = std::chrono::steady_clock::time_point;

    enum class Place {
        /// A record of its own.
        own,
        /// The certificate has had its share: to be counted.
        none,
        /// Too many certificates are refused at a time for this one to be told apart: as a stranger's.
        strangers
    };

    explicit BearerBudget(BearerRule rule = {}) : rule_(rule) {}

    /// Of one more refusal, at `now`, of the certificate of that serial, whose signature has been verified:
    /// nobody makes serials up.
    Place take(const std::string& serial, Time now);

    std::size_t size() const;

private:
    void forget_rested(Time now);

    const BearerRule rule_;
    mutable std::mutex mutex_;
    /// For each serial, when its share will be whole again.
    std::unordered_map<std::string, Time> whole_at_;
    Time forgotten_at_{};
};

}  // namespace postern::ca

#include "ca-service/login_throttle.hpp"

#include <algorithm>
#include <cstdint>
#include <utility>

#include <boost/asio/ip/address.hpp>

#include "pki/identity.hpp"
#include "pki/validity.hpp"

namespace postern::ca {

std::string throttled_network(std::string_view address) {
    boost::system::error_code error;
    const auto parsed = boost::asio::ip::make_address(std::string(address), error);
    if (error || !parsed.is_v6()) {
        return std::string(address);
    }
    if (parsed.to_v6().is_v4_mapped()) {
        return boost::asio::ip::make_address_v4(boost::asio::ip::v4_mapped, parsed.to_v6()).to_string();
    }
    auto bytes = parsed.to_v6().to_bytes();
    std::fill(bytes.begin() + 8, bytes.end(), static_cast<unsigned char>(0));
    return boost::asio::ip::address_v6(bytes).to_string() + "/64";
}

LoginThrottle::LoginThrottle(ThrottleRules rules) : rules_(rules) {}

LoginThrottle::Entry& LoginThrottle::entry(const std::string& key) {
    if (auto found = entries_.find(key); found != entries_.end()) {
        Order& order = found->second.is_familiar ? familiar_ : order_;
        order.splice(order.end(), order, found->second.place);
        return found->second;
    }
    Entry& made = entries_[key];
    made.place = order_.insert(order_.end(), key);
    bound(order_);
    return made;
}

LoginThrottle::Entry& LoginThrottle::familiar_entry(const std::string& key) {
    Entry& familiar = entry(key);
    if (!familiar.is_familiar) {
        familiar.is_familiar = true;
        familiar_.splice(familiar_.end(), order_, familiar.place);
        bound(familiar_);
    }
    return familiar;
}

void LoginThrottle::bound(Order& order) {
    if (order.size() > std::max<std::size_t>(1, rules_.most_entries / 2)) {
        entries_.erase(order.front());
        order.pop_front();
    }
}

std::string known_key(const pki::Certificate& presented, std::string_view user, std::string_view trust_domain,
                      SystemTime now) {
    const auto identity = pki::login_identity(presented);
    if (!identity || identity->name != user || identity->trust_domain != trust_domain ||
        pki::is_over(identity->not_after + kKeyKnownFor, now)) {
        return {};
    }
    // The key counts and not the certificate, because a renewal must not bring a fresh budget. The CA has put
    // this identifier into the certificate.
    return presented.subject_key_id();
}

LoginThrottle::Attempt LoginThrottle::attempt_of(const std::string& user, std::string_view address,
                                                 std::string_view known_key) const {
    const std::string network = throttled_network(address);
    if (!pki::is_login_name(user)) {
        return Attempt{.charged_user = "u", .charged_address = "a" + network, .pair = ""};
    }
    // A NUL is in no login name and in no address.
    const std::string pair = "p" + user + '\0' + network;
    if (!known_key.empty()) {
        return Attempt{.charged_user = "k" + user + '\0' + std::string(known_key), .charged_address = "", .pair = pair};
    }
    const auto found = entries_.find(pair);
    if (found != entries_.end() && found->second.is_familiar) {
        return Attempt{.charged_user = pair, .charged_address = "", .pair = pair};
    }
    return Attempt{.charged_user = "u" + user, .charged_address = "a" + network, .pair = pair};
}

void LoginThrottle::forgive(Entry& entry, const ThrottleRule& rule, Time now) {
    if (entry.failures == 0 || now <= entry.last_charge) {
        return;
    }
    const auto forgiven = (now - entry.last_charge) / rule.forgive_every;
    if (forgiven > 0) {
        entry.failures -= static_cast<unsigned>(std::min<long long>(forgiven, entry.failures));
        entry.last_charge +=
            forgiven * std::chrono::duration_cast<std::chrono::microseconds>(rule.forgive_every);
    }
}

std::chrono::milliseconds LoginThrottle::delay_after(unsigned failures, const ThrottleRule& rule) {
    if (failures < rule.free_failures) {
        return std::chrono::milliseconds(0);
    }
    const unsigned doublings = std::min(failures - rule.free_failures, 20U);
    return std::min(rule.first_delay * (std::int64_t{1} << doublings), rule.most_delay);
}

LoginThrottle::Admission LoginThrottle::admit(const std::string& user, std::string_view address, Time now,
                                              std::string_view known_key) {
    const std::lock_guard lock(mutex_);
    Attempt attempt = attempt_of(user, address, known_key);
    const auto wait_of = [&](const std::string& key) {
        const auto found = entries_.find(key);
        return found == entries_.end() ? Time::duration(0) : found->second.blocked_until - now;
    };
    // No entry has the empty key.
    const auto wait = std::max(wait_of(attempt.charged_user), wait_of(attempt.charged_address));
    if (wait > Time::duration(0)) {
        return Admission{std::chrono::ceil<std::chrono::milliseconds>(wait), Attempt(), {}, 0};
    }
    const auto charge = [&](const std::string& key, const ThrottleRule& rule) {
        Entry& charged = entry(key);
        forgive(charged, rule, now);
        charged.last_charge = now;
        charged.blocked_until = now + delay_after(charged.failures + 1, rule);
        return charged.failures++;
    };
    std::string lane = attempt.charged_user;
    unsigned failures_before = charge(attempt.charged_user, rules_.user);
    if (!attempt.charged_address.empty()) {
        lane = attempt.charged_address;
        failures_before = charge(attempt.charged_address, rules_.address);
    }
    return Admission{std::nullopt, std::move(attempt), std::move(lane), failures_before};
}

void LoginThrottle::uncharge(const std::string& key, const ThrottleRule& rule, Time now) {
    const auto found = entries_.find(key);
    if (found == entries_.end() || found->second.failures == 0) {
        return;
    }
    Entry& charged = found->second;
    --charged.failures;
    if (charged.failures == 0 && !charged.is_familiar) {
        // An entry without failures says no more than none. It is removed, so that attempts that are never
        // judged evict nobody's failures.
        order_.erase(charged.place);
        entries_.erase(found);
        return;
    }
    charged.blocked_until = std::min(charged.blocked_until, now + delay_after(charged.failures, rule));
    if (charged.failures < rule.free_failures) {
        charged.blocked_until = now;
    }
}

void LoginThrottle::succeeded(const Attempt& attempt, Time now) {
    const std::lock_guard lock(mutex_);
    // Only the charge of this attempt is taken back; the failures of others stay counted.
    uncharge(attempt.charged_address, rules_.address, now);
    uncharge(attempt.charged_user, rules_.user, now);
    if (attempt.pair.empty()) {
        return;
    }
    Entry& pair = familiar_entry(attempt.pair);
    pair.failures = 0;
    pair.blocked_until = now;
}

void LoginThrottle::remember(const std::string& user, const std::string& network) {
    const std::lock_guard lock(mutex_);
    familiar_entry("p" + user + '\0' + network);
}

void LoginThrottle::refund(const Attempt& attempt, Time now) {
    const std::lock_guard lock(mutex_);
    uncharge(attempt.charged_address, rules_.address, now);
    uncharge(attempt.charged_user, rules_.user, now);
}

std::size_t LoginThrottle::size() const {
    const std::lock_guard lock(mutex_);
    return entries_.size();
}

}  // namespace postern::ca

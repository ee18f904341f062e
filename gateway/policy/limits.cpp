#include "gateway/policy/limits.hpp"

#include <algorithm>
#include <utility>

namespace postern::gateway {

namespace {

/// The descriptors for logs, the administration socket, the connection for the CRL, and name look-ups.
constexpr std::size_t kReservedFiles = 64;
/// The descriptors of one event loop: epoll, eventfd and timerfd. In addition, each loop has a descriptor for
/// each listener.
constexpr std::size_t kFilesOfALoop = 3;

KeyedRule rule_of(std::size_t per_minute) {
    const std::chrono::microseconds minute = std::chrono::minutes(1);
    return KeyedRule{per_minute, minute / static_cast<std::int64_t>(std::max<std::size_t>(per_minute, 1)), 100'000};
}

}  // namespace

Capacity fit_to_files(Capacity wanted, std::size_t most_files, Fixtures fixtures) noexcept {
    const std::size_t reserved =
        kReservedFiles + fixtures.loops * (kFilesOfALoop + fixtures.listeners) + fixtures.listeners;
    const std::size_t files = std::max(most_files, reserved + 8) - reserved;
    Capacity fitting;
    fitting.pending = std::min(wanted.pending, files / 4);
    fitting.warm = std::min(wanted.warm, files / 8);
    fitting.connections = std::min(wanted.connections, (files - fitting.pending - fitting.warm) / 2);
    return fitting;
}

Limits::Limits(LimitBounds bounds)
    : addresses_(bounds.connections, bounds.per_address),
      identities_(0, bounds.per_identity),
      warm_(bounds.warm, bounds.warm_per_identity),
      beginnings_(rule_of(bounds.per_identity_per_minute)) {}

Result<Permit> Limits::enter(const std::string& address, const std::string& identity, Time now) {
    auto address_slot = addresses_.take(net::address_key(address));
    if (!address_slot) {
        return with_context("of all connections, or of one address", address_slot.error());
    }
    auto identity_slot = identities_.take(identity);
    if (!identity_slot) {
        return with_context("of one identity", identity_slot.error());
    }
    const std::lock_guard lock(mutex_);
    if (beginnings_.take(identity, now) != KeyedBudget::Place::own) {
        return Failure{Code::limit_reached, "too many connections of " + identity + " within a minute"};
    }
    return Permit{std::move(*address_slot), std::move(*identity_slot)};
}

Result<net::ConnectionSlots::Slot> Limits::enter_warm(const std::string& identity) {
    return warm_.take(identity);
}

void Limits::set(LimitBounds bounds) {
    addresses_.set_bounds(bounds.connections, bounds.per_address);
    identities_.set_bounds(0, bounds.per_identity);
    warm_.set_bounds(bounds.warm, bounds.warm_per_identity);
    const std::lock_guard lock(mutex_);
    beginnings_.set(rule_of(bounds.per_identity_per_minute));
}

}  // namespace postern::gateway

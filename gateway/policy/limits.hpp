// Limits the number of tunnels: in all, from one source address, of one identity, and how many of one
// identity may begin in a minute. A tunnel holds a permit as long as it lives. It also limits warm
// connections, in all and of one identity.
#pragma once

#include <cstddef>
#include <mutex>
#include <string>

#include "base/keyed_budget.hpp"
#include "base/result.hpp"
#include "net/connection_slots.hpp"

namespace postern::gateway {

/// The bounds. 0 means no bound, except in the last one.
struct LimitBounds {
    std::size_t connections = 0;
    std::size_t per_address = 0;
    std::size_t per_identity = 0;
    std::size_t warm = 0;
    std::size_t warm_per_identity = 0;
    /// How many tunnels of one identity may begin at once, and again each minute. Each tunnel leaves two
    /// audit records.
    std::size_t per_identity_per_minute = 6000;
};

/// The bounds that this process can keep with its file descriptors. A tunnel takes two descriptors, and a
/// pending or warm connection takes one. The audit log, the CRL and name look-ups must always find a
/// descriptor, because the gateway cannot work without them.
struct Capacity {
    std::size_t connections = 0;
    std::size_t pending = 0;
    std::size_t warm = 0;
};
/// What the gateway keeps open in any case.
struct Fixtures {
    std::size_t loops = 1;
    std::size_t listeners = 1;
};
/// Reduces the `wanted` bounds to those that `most_files` (RLIMIT_NOFILE) descriptors allow, but never below
/// a few of each kind.
Capacity fit_to_files(Capacity wanted, std::size_t most_files, Fixtures fixtures) noexcept;

/// The places that a tunnel holds, which are given back when this object is destroyed.
struct Permit {
    net::ConnectionSlots::Slot address;
    net::ConnectionSlots::Slot identity;
};

/// Counts tunnels and warm connections. Thread-safe. It is used once for each tunnel, never for each message.
class Limits {
public:
    explicit Limits(LimitBounds bounds);

    using Time = KeyedBudget::Time;

    /// Admits a tunnel, or fails with Code::limit_reached and the bound that is reached. A tunnel that finds
    /// no place does not count towards the number that may begin in a minute.
    Result<Permit> enter(const std::string& address, const std::string& identity,
                         Time now = std::chrono::steady_clock::now());
    /// Takes a place for a warm connection. Fails with Code::limit_reached when there is none.
    Result<net::ConnectionSlots::Slot> enter_warm(const std::string& identity);
    /// Sets new bounds; connections that exist already stay.
    void set(LimitBounds bounds);
    /// The number of tunnels.
    std::size_t count() const { return addresses_.size(); }

private:
    net::ConnectionSlots addresses_;
    net::ConnectionSlots identities_;
    net::ConnectionSlots warm_;
    std::mutex mutex_;
    KeyedBudget beginnings_;
};

}  // namespace postern::gateway

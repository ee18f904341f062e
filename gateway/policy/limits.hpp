// How many tunnels there may be: in all, from one source address, of one identity, and how many of one identity
// may begin in a minute. A tunnel holds a permit for as long as it lives. And how many warm connections: in all,
// of one identity.
#pragma once

#include <cstddef>
#include <mutex>
#include <string>

#include "base/keyed_budget.hpp"
#include "base/result.hpp"
#include "net/connection_slots.hpp"

namespace postern::gateway {

struct LimitBounds {
    std::size_t connections = 0;
    std::size_t per_address = 0;
    std::size_t per_identity = 0;
    std::size_t warm = 0;
    std::size_t warm_per_identity = 0;
    /// Tunnels of one identity that may begin at once, and again within a minute. Each leaves two records.
    std::size_t per_identity_per_minute = 6000;
};

/// What of the wanted bounds this process can keep: a tunnel takes two file descriptors, a pending or warm
/// connection one, and the audit log, the CRL and look-ups must always find one. Running out would stop them
/// all.
struct Capacity {
    std::size_t connections = 0;
    std::size_t pending = 0;
    std::size_t warm = 0;
};
/// What the gateway holds open by its very set-up.
struct Fixtures {
    std::size_t loops = 1;
    std::size_t listeners = 1;
};
/// `most_files`: RLIMIT_NOFILE. Never less than a few of each kind.
Capacity fit_to_files(Capacity wanted, std::size_t most_files, Fixtures fixtures) noexcept;

/// Gives its places back when it goes.
struct Permit {
    net::ConnectionSlots::Slot address;
    net::ConnectionSlots::Slot identity;
};

/// Thread-safe. Asked once for each tunnel, never for each message.
class Limits {
public:
    explicit Limits(LimitBounds bounds);

    using Time = KeyedBudget::Time;

    /// Code::limit_reached with the bound that is full. A tunnel that finds no place costs its identity nothing.
    Result<Permit> enter(const std::string& address, const std::string& identity,
                         Time now = std::chrono::steady_clock::now());
    /// A place among the warm connections; Code::limit_reached when there is none.
    Result<net::ConnectionSlots::Slot> enter_warm(const std::string& identity);
    /// From now on; those who are in stay in.
    void set(LimitBounds bounds);
    std::size_t count() const { return addresses_.size(); }

private:
    net::ConnectionSlots addresses_;
    net::ConnectionSlots identities_;
    net::ConnectionSlots warm_;
    std::mutex mutex_;
    KeyedBudget beginnings_;
};

}  // namespace postern::gateway

// How many tunnels there may be: in all, from one source address, of one identity. A tunnel holds a permit
// for as long as it lives. And how many warm connections: in all, of one identity.
#pragma once

#include <cstddef>
#include <string>

#include "base/result.hpp"
#include "net/connection_slots.hpp"

namespace postern::gateway {

struct LimitBounds {
    std::size_t connections = 0;
    std::size_t per_address = 0;
    std::size_t per_identity = 0;
    std::size_t warm = 0;
    std::size_t warm_per_identity = 0;
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

    /// Code::limit_reached with the bound that is full.
    Result<Permit> enter(const std::string& address, const std::string& identity);
    /// A place among the warm connections; Code::limit_reached when there is none.
    Result<net::ConnectionSlots::Slot> enter_warm(const std::string& identity);
    /// From now on; those who are in stay in.
    void set(LimitBounds bounds);
    std::size_t count() const { return addresses_.size(); }

private:
    net::ConnectionSlots addresses_;
    net::ConnectionSlots identities_;
    net::ConnectionSlots warm_;
};

}  // namespace postern::gateway

// Limits how many connections exist at once, in total and for each key (an address, an identity).
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "base/result.hpp"

namespace postern::net {

/// Counts the connections. Thread-safe.
class ConnectionSlots {
    struct State;

public:
    /// The slot of one connection, released by the destructor. It may outlive the ConnectionSlots.
    class Slot {
    public:
        Slot() = default;
        Slot(Slot&&) noexcept = default;
        Slot& operator=(Slot&& other) noexcept;
        ~Slot();

    private:
        friend class ConnectionSlots;
        Slot(std::shared_ptr<State> state, std::string key);
        void give_back() noexcept;
        std::shared_ptr<State> state_;
        std::string key_;
    };

    /// A bound of 0 means no bound.
    ConnectionSlots(std::size_t total, std::size_t per_key);

    /// Takes a slot. Fails with Code::limit_reached when all slots, or all slots of `key`, are taken. For
    /// addresses use address_key().
    Result<Slot> take(std::string key);
    /// Whether all slots are taken although `key` has not reached its own bound.
    bool is_full_for(const std::string& key) const;
    /// Changes the bounds. Existing connections keep their slots.
    void set_bounds(std::size_t total, std::size_t per_key);
    /// The number of slots that are taken.
    std::size_t size() const;

private:
    std::shared_ptr<State> state_;
};

/// How many of `fitting` slots one address or identity may have, so that nobody gets all of a small number.
/// `set` is the configured share of the `wanted` slots. If only fewer slots fit, the share is reduced in
/// proportion, but not below `fitting` / `nth` (and not below 8, if there are as many), and it never exceeds
/// `set`. If `set` is 0, the share is that lower bound.
std::size_t share_of(std::size_t fitting, std::size_t wanted, std::size_t set, std::size_t nth) noexcept;

/// The key under which connections from one address are counted: a whole IPv4 address, or the /64 of an IPv6
/// address, since a single host can choose among that many.
std::string address_key(const std::string& address);

}  // namespace postern::net

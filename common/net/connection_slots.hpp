// How many connections may stand at once: in all, and for one key (an address, an identity). Thread-safe.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "base/result.hpp"

namespace postern::net {

class ConnectionSlots {
    struct State;

public:
    /// One connection's place, given back when it goes.
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

    /// 0 means no bound.
    ConnectionSlots(std::size_t total, std::size_t per_key);

    /// Code::limit_reached when all places, or all places of the key, are taken. For addresses use
    /// address_key().
    Result<Slot> take(std::string key);
    /// Whether the key lacks nothing but a place among all: it has not taken all of its own.
    bool is_full_for(const std::string& key) const;
    /// New bounds; connections that stand already stay.
    void set_bounds(std::size_t total, std::size_t per_key);
    std::size_t size() const;

private:
    std::shared_ptr<State> state_;
};

/// How many places of `fitting` one address or identity may have: what was `set` for it of the `wanted` ones,
/// less where there are fewer of them, in proportion, though not less than every `nth` of them (and a few).
/// Where nothing was set (0), every `nth`. So that where there is little, nobody has all of it.
std::size_t share_of(std::size_t fitting, std::size_t wanted, std::size_t set, std::size_t nth) noexcept;

/// What "one address" means: a whole IPv4 address, the /64 of an IPv6 address (one host has that many to
/// choose from).
std::string address_key(const std::string& address);

}  // namespace postern::net

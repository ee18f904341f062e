// Finds the session that a CancelRequest means, by the key that its backend gave out (BackendKeyData).
// Thread-safe. An entry exists as long as its session, so the map is never larger than the number of
// sessions.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "client-proxy/config/catalogue.hpp"

namespace postern::client {

/// The tunnel of the session that is to be cancelled.
struct CancelTarget {
    GatewayEntry gateway;
    std::string connection_id;
};

class CancelMap {
    struct State;

public:
    /// The entry of one session; its destructor removes it.
    class Entry {
    public:
        Entry() = default;
        Entry(Entry&&) noexcept = default;
        Entry& operator=(Entry&& other) noexcept;
        ~Entry();

    private:
        friend class CancelMap;
        Entry(std::shared_ptr<State> state, std::string key, std::uint64_t number);
        void remove() noexcept;
        std::shared_ptr<State> state_;
        std::string key_;
        std::uint64_t number_ = 0;
    };

    CancelMap();

    /// Adds a session. A restarted server may give out a key a second time; then the key means the newer
    /// session.
    Entry add(std::string_view service, std::string_view key, CancelTarget target);
    /// The session whose backend gave out the key; no value when there is none.
    std::optional<CancelTarget> find(std::string_view service, std::string_view key) const;
    std::size_t size() const;

private:
    std::shared_ptr<State> state_;
};

}  // namespace postern::client

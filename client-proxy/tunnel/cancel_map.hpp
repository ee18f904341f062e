// Which session a CancelRequest means: by the key that its backend gave out. Thread-safe; an entry lives as
// long as its session, so that the map is no larger than the number of sessions.
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

/// Where the session's tunnel goes.
struct CancelTarget {
    GatewayEntry gateway;
    std::string connection_id;
};

class CancelMap {
    struct State;

public:
    /// One session's entry.
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

    /// A server that starts anew may give out a key a second time: the newer session is the one that is
    /// meant.
    Entry add(std::string_view service, std::string_view key, CancelTarget target);
    std::optional<CancelTarget> find(std::string_view service, std::string_view key) const;
    std::size_t size() const;

private:
    std::shared_ptr<State> state_;
};

}  // namespace postern::client

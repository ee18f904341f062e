// The agent's last events, for `postern status` and the tray: bounded, newest first. Not thread-safe.
#pragma once

#include <cstddef>
#include <deque>
#include <string_view>

#include <nlohmann/json.hpp>

#include "base/clock.hpp"
#include "client-proxy/session/events.hpp"

namespace postern::client {

/// As docs/agent-protocol.md has it.
nlohmann::json to_json(const Event& event, SystemTime time);

class EventLog {
public:
    static constexpr std::size_t kMost = 1000;

    void add(nlohmann::json event);
    /// `service` empty: of all.
    nlohmann::json latest(std::string_view service, std::size_t limit) const;

private:
    std::deque<nlohmann::json> events_;
};

}  // namespace postern::client

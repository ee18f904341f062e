// The agent's last events, for `postern status` and the tray: bounded, newest first. Not thread-safe.
// Kept as text, one piece of the heap for each: as documents they would be fifteen, scattered among what a
// burst of connections frees, and would hold its pages.
#pragma once

#include <cstddef>
#include <deque>
#include <string>
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

    void add(const nlohmann::json& event);
    /// `service` empty: of all.
    nlohmann::json latest(std::string_view service, std::size_t limit) const;

private:
    struct Kept {
        std::string service;
        std::string text;
    };
    std::deque<Kept> events_;
};

}  // namespace postern::client

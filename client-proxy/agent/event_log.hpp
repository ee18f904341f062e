// The agent's last events in memory, for `postern status` and the tray: a bounded number, the newest first.
// Not thread-safe.
// Each event is kept as text, which is one heap allocation. A JSON document would take about fifteen,
// scattered among the memory that a burst of connections frees, and would keep those pages from being
// returned.
#pragma once

#include <cstddef>
#include <deque>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "base/clock.hpp"
#include "client-proxy/session/events.hpp"

namespace postern::client {

/// Returns the event in the format of docs/agent-protocol.md.
nlohmann::json to_json(const Event& event, SystemTime time);

class EventLog {
public:
    /// The most events that are kept.
    static constexpr std::size_t kMost = 1000;

    void add(const nlohmann::json& event);
    /// Returns the newest events, at most `limit`, of `service`; of all services when that is empty.
    nlohmann::json latest(std::string_view service, std::size_t limit) const;

private:
    struct Kept {
        std::string service;
        std::string text;
    };
    std::deque<Kept> events_;
};

}  // namespace postern::client

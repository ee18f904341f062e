#include "client-proxy/agent/event_log.hpp"

#include "base/json.hpp"

namespace postern::client {

nlohmann::json to_json(const Event& event, SystemTime time) {
    nlohmann::json told = {{"time", format_time(time)}, {"kind", name(event.kind)}};
    const auto put = [&](const char* key, const std::string& text) {
        if (!text.empty()) {
            told[key] = text;
        }
    };
    put("service", event.service);
    if (event.has_reason) {
        told["reason"] = name(event.told.code);
    }
    put("message", event.told.message);
    put("hint", event.told.hint);
    put("connection_id", event.told.connection_id);
    put("program", event.program);
    if (event.pid != 0) {
        told["pid"] = event.pid;
    }
    put("gateway", event.gateway);
    put("purpose", event.is_probe ? "probe" : "");
    put("closed_by", event.is_broken_off ? "agent" : "");
    return told;
}

void EventLog::add(const nlohmann::json& event) {
    events_.push_front(Kept{event.value("service", std::string()),
                            json_text(event)});
    if (events_.size() > kMost) {
        events_.pop_back();
    }
}

nlohmann::json EventLog::latest(std::string_view service, std::size_t limit) const {
    auto list = nlohmann::json::array();
    for (const auto& event : events_) {
        if (list.size() >= limit) {
            break;
        }
        if (service.empty() || event.service == service) {
            list.push_back(parse_json(event.text, kAnyDepth));
        }
    }
    return list;
}

}  // namespace postern::client

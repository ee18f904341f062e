#include "client-proxy/agent/announcer.hpp"

#include <utility>

#include <boost/asio/post.hpp>
#include <spdlog/spdlog.h>

#include "base/clock.hpp"
#include "base/log.hpp"

namespace postern::client {

namespace asio = boost::asio;
using nlohmann::json;

namespace {

/// So many events may be on their way to the control loop; more are dropped.
constexpr std::size_t kMostNotes = 4096;

}  // namespace

Announcer::Announcer(net::EventLoops& control, const ProfileFolder& folder, Hooks hooks)
    : loop_(control.at(0)), hooks_(std::move(hooks)), event_file_(folder) {}

void Announcer::publish(std::string_view method, const json& params) {
    server_->publish(method, params);
}

void Announcer::tell(const Event& event) {
    json told = to_json(event, system_clock()());
    hooks_.complete(event, told);
    publish("event", told);
    log_.add(told);
    if (auto kept = event_file_.add(told); !kept) {
        spdlog::warn("event=events.unsaved error={}", postern::quoted(kept.error().detail));
    }
    hooks_.on_event(event);
}

void Announcer::note(Event event) {
    if (notes_under_way_.fetch_add(1) >= kMostNotes) {
        --notes_under_way_;
        return;
    }
    asio::post(loop_, [this, event = std::move(event)] {
        --notes_under_way_;
        tell(event);
    });
}

void Announcer::announce_stop() {
    publish("shutdown", json::object());
    is_stopping_ = true;
}

}  // namespace postern::client

// The announcer sends clients of the agent what its parts tell them, and keeps the events for those who ask
// later. It also knows whether the agent is stopping. It drops events where more than a bound are waiting.
#pragma once

#include <atomic>
#include <cstddef>
#include <functional>
#include <string_view>

#include <boost/asio/io_context.hpp>
#include <nlohmann/json.hpp>

#include "client-proxy/agent/event_file.hpp"
#include "client-proxy/agent/event_log.hpp"
#include "client-proxy/config/profile.hpp"
#include "client-proxy/control/server.hpp"
#include "client-proxy/session/events.hpp"
#include "net/event_loops.hpp"

namespace postern::client {

/// Everything but note() and what is made of it happens on the control loop.
class Announcer final : public EventSink {
public:
    struct Hooks {
        /// Adds what only others know of the event to its JSON, before clients are told.
        std::function<void(const Event&, nlohmann::json&)> complete;
        /// Called once clients have been told of the event and it is kept.
        std::function<void(const Event&)> on_event;
    };

    Announcer(net::EventLoops& control, const ProfileFolder& folder, Hooks hooks);

    /// Names the server whose clients are told. It has to be given before the control loop runs.
    void use(control::Server& server) { server_ = &server; }
    control::Server& server() const noexcept { return *server_; }
    boost::asio::io_context& loop() const noexcept { return loop_; }

    /// Sends the notification to all subscribers.
    void publish(std::string_view method, const nlohmann::json& params);
    /// Publishes and keeps the event before it returns.
    void tell(const Event& event);
    /// Has tell() called a moment later. It can be called on any thread.
    void note(Event event) override;
    /// Returns the kept events, the newest first. An empty `service` means those of all services.
    nlohmann::json latest(std::string_view service, std::size_t limit) const {
        return log_.latest(service, limit);
    }

    /// Tells the clients that the agent ends. From now on is_stopping() is true.
    void announce_stop();
    bool is_stopping() const noexcept { return is_stopping_; }

private:
    boost::asio::io_context& loop_;
    const Hooks hooks_;
    control::Server* server_ = nullptr;
    EventLog log_;
    EventFile event_file_;
    bool is_stopping_ = false;
    std::atomic<std::size_t> notes_under_way_ = 0;
};

}  // namespace postern::client

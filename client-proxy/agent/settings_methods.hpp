// The settings methods own what the agent remembers of a person's wishes, which clients read and change. They
// also have the agent go by config.toml as the file is now.
#pragma once

#include <functional>
#include <string>

#include <boost/asio/awaitable.hpp>
#include <nlohmann/json.hpp>

#include "client-proxy/agent/agent.hpp"
#include "client-proxy/agent/agent_settings.hpp"
#include "client-proxy/agent/announcer.hpp"
#include "client-proxy/agent/settings_watch.hpp"
#include "client-proxy/config/profile.hpp"
#include "client-proxy/control/server.hpp"
#include "client-proxy/refusal/refusal.hpp"

namespace postern::client {

/// Everything happens on the control loop.
class SettingsMethods {
public:
    using Answering = boost::asio::awaitable<control::Reply>;
    struct Hooks {
        /// A client has changed the settings, and the subscribers have been told of them.
        std::function<void()> on_set;
        /// The agent goes by a changed config.toml.
        std::function<void()> on_config;
    };

    SettingsMethods(Announcer& announcer, ProfileFolder folder, Agent& agent, SettingsWatch watch,
                    Hooks hooks);

    Answering get(control::ClientId client, nlohmann::json params);
    Answering set(control::ClientId client, nlohmann::json params);

    /// Returns what is remembered now.
    const AgentSettings& values() const noexcept { return values_; }
    /// Remembers the database that lines to paste name for the service; an empty one changes nothing.
    Outcome<void> remember_database(const std::string& service, const std::string& database);
    /// Takes up config.toml where it has changed. This is cheap where it has not.
    void watch();
    /// Returns what the agent goes by, as clients are told it.
    nlohmann::json uses_json() const;

private:
    Announcer& announcer_;
    const ProfileFolder folder_;
    Agent& agent_;
    const Hooks hooks_;
    SettingsWatch watch_;
    AgentSettings values_;
};

}  // namespace postern::client

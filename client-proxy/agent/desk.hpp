// The desk is what clients of the agent speak to. It hands each request of the control protocol
// (docs/agent-protocol.md) to the part that answers it, and has each part look after its things every second.
// Each part knows only those that are declared before it; what it tells the later ones goes through its
// hooks.
#pragma once

#include <atomic>
#include <chrono>
#include <filesystem>
#include <functional>
#include <map>
#include <string>

#include "client-proxy/agent/agent.hpp"
#include "client-proxy/agent/announcer.hpp"
#include "client-proxy/agent/gateway_monitor.hpp"
#include "client-proxy/agent/login_methods.hpp"
#include "client-proxy/agent/open_ports.hpp"
#include "client-proxy/agent/port_methods.hpp"
#include "client-proxy/agent/profile_login.hpp"
#include "client-proxy/agent/service_catalogue.hpp"
#include "client-proxy/agent/settings_methods.hpp"
#include "client-proxy/agent/settings_watch.hpp"
#include "client-proxy/config/profile.hpp"
#include "client-proxy/control/server.hpp"
#include "client-proxy/session/events.hpp"

namespace postern::client {

/// Everything happens on the control loop unless a function says otherwise.
class Desk final : public control::Methods {
public:
    Desk(const ProfileFolder& folder, net::EventLoops& control, AgentOptions options,
         SettingsWatch watch = SettingsWatch({}, {}));
    ~Desk() override;

    /// Starts the agent's loops and the desk's own work. It has to be called before the control loop runs.
    void start(control::Server& server);
    /// Takes no more requests, closes the ports and tells the clients of tunnels. It is called while the
    /// control loop runs, from a thread that is no loop.
    void stop();
    /// The folder in which the agent was found has gone: it is found at that listener from now on, and its
    /// Unix sockets in that folder. It is called as stop() is, and not after it.
    void move_to(const std::filesystem::path& folder, net::Listener listener);
    /// Says for how long nobody has needed this agent. It can be called on any thread.
    std::chrono::seconds idle_for() const;
    /// Says whether something waits for a CA that does not answer, so that an orderly end would have to wait
    /// too. It can be called on any thread.
    bool is_busy() const;

    boost::asio::awaitable<control::Reply> call(control::ClientId client, std::string method,
                                                nlohmann::json params) override;
    void gone(control::ClientId client) override;

private:
    using Answering = boost::asio::awaitable<control::Reply>;
    using Handler = std::function<Answering(control::ClientId, nlohmann::json)>;

    Announcer::Hooks announcer_hooks();
    SettingsMethods::Hooks settings_hooks();
    ProfileLogin::Hooks login_hooks();
    std::map<std::string, Handler, std::less<>> handlers();

    Answering hello(control::ClientId client, nlohmann::json params);
    Answering state(control::ClientId client, nlohmann::json params);
    Answering subscribe(control::ClientId client, nlohmann::json params);
    Answering events(control::ClientId client, nlohmann::json params);
    Answering shutdown(control::ClientId client, nlohmann::json params);
    nlohmann::json state_json() const;
    /// Runs the work on the control loop and waits for it. It is called from another thread.
    void on_loop(const std::function<void()>& work);
    boost::asio::awaitable<void> tick();

    net::EventLoops& control_;
    Announcer announcer_;
    Agent agent_;
    OpenPorts open_ports_;
    SettingsMethods settings_;
    ProfileLogin login_;
    LoginMethods login_methods_;
    ServiceCatalogue catalogue_;
    PortMethods ports_;
    GatewayMonitor monitor_;
    const std::map<std::string, Handler, std::less<>> handlers_;
    std::atomic<std::chrono::steady_clock::rep> last_needed_;
};

}  // namespace postern::client

// The port methods open, close and move local ports for clients. They write down the ports that stay open
// without anybody who holds them, and open those and the ones that the settings name when the agent starts.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include <boost/asio/awaitable.hpp>
#include <nlohmann/json.hpp>

#include "client-proxy/agent/agent.hpp"
#include "client-proxy/agent/announcer.hpp"
#include "client-proxy/agent/open_ports.hpp"
#include "client-proxy/agent/profile_login.hpp"
#include "client-proxy/agent/service_catalogue.hpp"
#include "client-proxy/agent/settings_methods.hpp"
#include "client-proxy/config/profile.hpp"
#include "client-proxy/control/server.hpp"
#include "client-proxy/refusal/refusal.hpp"

namespace postern::client {

/// Nobody else opens or closes ports; the other parts look at them. Everything happens on the control loop.
class PortMethods {
public:
    using Answering = boost::asio::awaitable<control::Reply>;

    PortMethods(Announcer& announcer, ProfileFolder folder, Agent& agent, OpenPorts& ports,
                SettingsMethods& settings, const ProfileLogin& login, ServiceCatalogue& catalogue);

    Answering connect(control::ClientId client, nlohmann::json params);
    Answering disconnect(control::ClientId client, nlohmann::json params);
    Answering port_set(control::ClientId client, nlohmann::json params);

    /// Closes the ports that nobody but this client held open.
    void release(control::ClientId client);
    /// Ends the tunnels of a login that has ended, and shows a new certificate to the gateways of the others.
    void login_changed(const LoginChange& change);
    /// Opens the services that the settings name, where somebody is logged in.
    void connect_at_start();
    /// Opens the ports that were written down.
    void reopen_kept();
    /// Has what is open now stay closed the next time that the agent starts.
    void forget_kept() const;

private:
    Outcome<PortWish> wish_of(control::ClientId client, const nlohmann::json& object) const;
    boost::asio::awaitable<Outcome<PortWish>> judge(PortWish wish);
    void remark_unoffered(const std::string& service, const ServiceCatalogue::Offers& offered);
    Outcome<LocalPortPtr> open(PortWish wish);
    Outcome<void> move(const HeldPort& held, unsigned short number);
    void open_unasked(PortWish wish);
    void closed(const std::vector<LocalPortPtr>& ports, const std::string& why);
    bool keeps_ports() const { return !agent_.options().socket_folder.empty(); }
    void write_kept() const;

    Announcer& announcer_;
    const ProfileFolder folder_;
    Agent& agent_;
    OpenPorts& ports_;
    SettingsMethods& settings_;
    const ProfileLogin& login_;
    ServiceCatalogue& catalogue_;
    const std::filesystem::path kept_file_;
};

}  // namespace postern::client

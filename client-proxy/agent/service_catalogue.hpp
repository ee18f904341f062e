// The service catalogue owns what is known of services: what the gateways offer, what was seen of each, who
// squats on its port. It tells clients of all this.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <boost/asio/awaitable.hpp>
#include <nlohmann/json.hpp>

#include "client-proxy/agent/agent.hpp"
#include "client-proxy/agent/announcer.hpp"
#include "client-proxy/agent/open_ports.hpp"
#include "client-proxy/agent/profile_login.hpp"
#include "client-proxy/agent/settings_methods.hpp"
#include "client-proxy/agent/squatter_watch.hpp"
#include "client-proxy/config/profile.hpp"
#include "client-proxy/control/server.hpp"
#include "client-proxy/refusal/refusal.hpp"
#include "client-proxy/session/events.hpp"
#include "client-proxy/tunnel/service_list.hpp"

namespace postern::client {

/// Everything happens on the control loop.
class ServiceCatalogue {
public:
    using Answering = boost::asio::awaitable<control::Reply>;
    using Offers = std::vector<OfferedService>;

    ServiceCatalogue(Announcer& announcer, ProfileFolder folder, const Agent& agent, const OpenPorts& ports,
                     const SettingsMethods& settings, ProfileLogin& login);

    Answering services_refresh(control::ClientId client, nlohmann::json params);

    /// Asks the gateways what the login may use. The catalogue stays as it is.
    static boost::asio::awaitable<Outcome<Offers>> ask_gateways(std::shared_ptr<LoginSource> logins);
    /// Asks them for the profile's login, and tells subscribers where the answer is news.
    boost::asio::awaitable<Outcome<void>> refresh();
    /// Takes what the gateways have told the profile's login.
    void take(Offers offers);
    const Offers& offers() const noexcept { return offers_; }
    /// Says whether a gateway has told this login what there is.
    bool has_offers() const noexcept { return has_offers_; }
    /// Returns null where no gateway offers the service.
    const OfferedService* offer_of(std::string_view service) const;

    /// Forgets what was seen with the login before, which says nothing of the new one. No client is told.
    void login_changed(const LoginChange& change);
    /// Marks that a port of the service was opened, or could not be. No client is told.
    void mark_opened(const std::string& service);
    void mark_unopened(const std::string& service, const Refusal& refusal);
    /// Forgets what was seen of a service whose last port has been closed. No client is told.
    void forget(const std::string& service);
    /// Marks the service by what became of a connection to it, and tells subscribers where that is news.
    void mark(const Event& event);
    /// Marks the services that are open with the profile's login: no gateway answers, or one does again.
    void mark_gateways_lost(const Refusal& refusal);
    void mark_gateways_back();
    /// Tells once when somebody comes to a service's port, and shows them as long as they are there.
    void watch_squatters();

    void publish(const std::string& service);
    void publish_all();
    /// Tells subscribers of the services whose traffic has changed.
    void publish_traffic();
    nlohmann::json port_json(const HeldPort& held) const;
    nlohmann::json service_json(const std::string& service) const;
    /// Returns the whole list, and whether it is a gateway's word yet.
    nlohmann::json all_json() const;

private:
    /// A mark is what was seen of a service.
    struct Mark {
        std::optional<Refusal> error;
        /// This is the word for it that clients are told.
        std::string reason;
    };
    /// A standing says how a service is now, by all that is known of it.
    struct Standing {
        const OfferedService* offer = nullptr;
        /// This is the port to show; it is null when none is open.
        const HeldPort* open = nullptr;
        std::shared_ptr<const Catalogue> catalogue;
        bool is_listed = false;
        bool is_postgres = false;
        bool has_end_to_end = false;
        bool is_squatted = false;
        Mode mode = Mode::passthrough;
        /// The number is that of the open port or the remembered one; 0 means that there is none.
        unsigned short port = 0;
        std::string_view state;
        Mark mark;
    };
    Standing look_at(const std::string& service) const;

    void take_answer(const Outcome<Offers>& offered);
    void tell_contradictions();
    std::vector<std::string> service_names() const;
    std::string database_of(const std::string& service) const;
    Traffic traffic_of(const std::string& service) const;
    nlohmann::json lines_at(const std::string& service, Mode mode, unsigned short port, const Login& login,
                            const std::string& socket) const;

    Announcer& announcer_;
    const ProfileFolder folder_;
    const Agent& agent_;
    const OpenPorts& ports_;
    const SettingsMethods& settings_;
    ProfileLogin& login_;
    Offers offers_;
    bool has_offers_ = false;
    /// This is why no gateway could tell what there is, until one has or the login is another.
    std::optional<Refusal> offers_failure_;
    std::map<std::string, Mark, std::less<>> marks_;
    SquatterWatch squatters_;
    /// These services have an open port and another protocol by a gateway's word than by the CA's, and
    /// clients have been told so.
    std::set<std::string, std::less<>> told_contradictions_;
    std::map<std::string, Traffic, std::less<>> told_traffic_;
};

}  // namespace postern::client

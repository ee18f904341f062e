// What the agent does for its clients: the methods of the control protocol (docs/agent-protocol.md), and what
// they are told when something changes. All of it on the control loop, but for note().
#pragma once

#include <atomic>
#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <boost/asio/thread_pool.hpp>

#include "base/pace.hpp"
#include "client-proxy/agent/agent.hpp"
#include "client-proxy/agent/agent_settings.hpp"
#include "client-proxy/agent/event_file.hpp"
#include "client-proxy/agent/event_log.hpp"
#include "client-proxy/agent/open_ports.hpp"
#include "client-proxy/agent/settings_watch.hpp"
#include "client-proxy/config/profile.hpp"
#include "client-proxy/control/server.hpp"
#include "client-proxy/login/login_standing.hpp"
#include "client-proxy/login/renewed_login.hpp"
#include "client-proxy/session/events.hpp"
#include "client-proxy/tunnel/service_list.hpp"

namespace postern::client {

class Desk final : public control::Methods, public EventSink {
public:
    Desk(ProfileFolder folder, net::EventLoops& control, AgentOptions options,
         SettingsWatch watch = SettingsWatch({}, {}));
    ~Desk() override;

    /// Starts the agent's loops and the desk's own work; before the control loop runs.
    void start(control::Server& server);
    /// Takes no more requests, closes the ports, tells the clients of tunnels. From a thread that is no loop,
    /// while the control loop runs.
    void stop();
    /// The folder in which the agent was found has gone: it is found at that listener from now on, and its
    /// Unix sockets in that folder. As stop(), and not after it.
    void move_to(const std::filesystem::path& folder, net::Listener listener);
    /// For how long nobody has needed this agent. Any thread.
    std::chrono::seconds idle_for() const;
    /// Whether something waits for a CA that does not answer, so that an orderly end would have to wait too.
    bool is_busy() const;

    boost::asio::awaitable<control::Reply> call(control::ClientId client, std::string method,
                                                nlohmann::json params) override;
    void gone(control::ClientId client) override;
    void note(Event event) override;

private:
    using Answering = boost::asio::awaitable<control::Reply>;
    using Handler = Answering (Desk::*)(control::ClientId, nlohmann::json);
    static const std::map<std::string, Handler, std::less<>>& handlers();

    // desk.cpp
    Answering hello(control::ClientId client, nlohmann::json params);
    Answering state(control::ClientId client, nlohmann::json params);
    Answering subscribe(control::ClientId client, nlohmann::json params);
    Answering settings_get(control::ClientId client, nlohmann::json params);
    Answering settings_set(control::ClientId client, nlohmann::json params);
    Answering events(control::ClientId client, nlohmann::json params);
    Answering shutdown(control::ClientId client, nlohmann::json params);
    void no_longer_asks(control::ClientId client);
    nlohmann::json state_json() const;
    boost::asio::awaitable<void> tick();
    void note_here(const Event& event);
    bool is_of_this_login(const Event& event) const;
    void publish(std::string_view method, const nlohmann::json& params);

    // desk_login.cpp
    Answering trust_inspect(control::ClientId client, nlohmann::json params);
    Answering trust_compare(control::ClientId client, nlohmann::json params);
    Answering trust_accept(control::ClientId client, nlohmann::json params);
    Answering login_methods(control::ClientId client, nlohmann::json params);
    Answering login(control::ClientId client, nlohmann::json params);
    Answering logout(control::ClientId client, nlohmann::json params);
    RenewedLogin::Hooks hooks();
    Refusal no_login() const;
    void login_changed(const LoginPtr& login);
    void renewal_failed(const Refusal& refusal);
    void login_kept(const std::optional<Refusal>& why);
    void watch_clock();
    void publish_login();
    LoginStanding standing() const;
    nlohmann::json trust_json() const;
    nlohmann::json login_json() const;
    nlohmann::json attention_json() const;

    // desk_ports.cpp
    Answering connect(control::ClientId client, nlohmann::json params);
    Answering disconnect(control::ClientId client, nlohmann::json params);
    Answering port_set(control::ClientId client, nlohmann::json params);
    static control::Reply refused(const Refusal& refusal);
    static nlohmann::json error_json(const Refusal& refusal, const std::string& reason);
    Outcome<PortWish> wish_of(control::ClientId client, const nlohmann::json& object) const;
    boost::asio::awaitable<Outcome<PortWish>> judge_wish(PortWish wish);
    Outcome<LocalPortPtr> open_port(PortWish wish);
    std::shared_ptr<const Catalogue> catalogue_of(const LoginSource& logins) const;
    void connect_at_start();
    void open_unasked(PortWish wish);
    void closed(const std::vector<LocalPortPtr>& ports, const std::string& why);
    std::filesystem::path kept_file() const;
    void write_kept_ports() const;
    void reopen_kept_ports();

    // desk_services.cpp
    Answering services_refresh(control::ClientId client, nlohmann::json params);
    boost::asio::awaitable<Outcome<std::vector<OfferedService>>> ask_gateways(
        std::shared_ptr<LoginSource> logins) const;
    boost::asio::awaitable<Outcome<void>> refresh(std::shared_ptr<LoginSource> logins);
    void take_offers(const Outcome<std::vector<OfferedService>>& offered);
    void tell_contradictions();
    const OfferedService* offer_of(std::string_view service) const;
    std::vector<std::string> service_names() const;
    std::string database_of(const std::string& service) const;
    Outcome<void> remember_database(const std::string& service, const std::string& database);
    void mark(const Event& event);
    void watch_squatters();
    Traffic traffic_of(const std::string& service) const;
    void publish_service(const std::string& service);
    void publish_traffic();
    nlohmann::json lines_at(const std::string& service, Mode mode, unsigned short port, const Login& login,
                            const std::string& socket) const;
    nlohmann::json port_json(const HeldPort& held) const;
    nlohmann::json service_json(const std::string& service) const;
    nlohmann::json services_json() const;
    nlohmann::json offers_json() const;

    // desk_settings.cpp
    void watch_settings();
    nlohmann::json uses_json() const;

    // desk_watch.cpp
    void suspect(const Event& event);
    /// Where a gateway refuses the login for what it is, the CA service is asked.
    void doubt_login_for(Code code);
    bool must_ask_gateways() const;
    void ask_gateways_if_due();
    boost::asio::awaitable<void> refresh_in_background();
    void gateways_answered(const Outcome<void>& answer);
    std::string reason_word(const Refusal& refusal) const;

    /// What was seen of a service.
    struct Mark {
        std::optional<Refusal> error;
        /// As clients are told it.
        std::string reason;
    };

    SettingsWatch watch_;
    const ProfileFolder folder_;
    net::EventLoops& control_;
    control::Server* server_ = nullptr;
    Agent agent_;
    OpenPorts ports_;
    AgentSettings settings_;
    EventLog log_;
    EventFile event_file_;
    std::optional<Profile> profile_;
    std::shared_ptr<RenewedLogin> logins_;
    /// The last one that was told of.
    LoginPtr login_;
    std::optional<Refusal> renewal_failure_;
    /// Why the profile's login cannot be used, until the next one.
    std::optional<Refusal> damage_;
    std::vector<OfferedService> offers_;
    bool has_offers_ = false;
    /// Why no gateway could tell what there is; until one has, or another login.
    std::optional<Refusal> offers_failure_;
    bool is_refreshing_ = false;
    /// A connection ended as if there was no gateway any more; no gateway answered.
    bool is_gateway_doubted_ = false;
    bool is_gateway_lost_ = false;
    std::map<std::string, Mark, std::less<>> marks_;
    /// Who is on the port of a service that is not open, where that is another user.
    std::map<std::string, Refusal, std::less<>> squatters_;
    /// Services with an open port of which a gateway says another protocol than the CA does, as it was told.
    std::set<std::string, std::less<>> told_contradictions_;
    Pace::Time next_squatters_{};
    /// Services that clients wait for, once for each.
    std::multiset<std::string> connecting_;
    std::map<std::string, Traffic, std::less<>> told_traffic_;
    nlohmann::json told_login_;
    nlohmann::json told_attention_;
    /// What was said of this machine's clock; empty while there is nothing to say.
    std::string told_clock_;
    Pace refresh_pace_;
    bool is_stopping_ = false;
    /// Clients that show the person a form when a login is needed.
    std::set<control::ClientId> askers_;
    std::atomic<std::size_t> askers_count_ = 0;
    std::atomic<std::size_t> notes_under_way_ = 0;
    std::atomic<std::size_t> blocking_under_way_ = 0;
    std::atomic<std::chrono::steady_clock::rep> last_needed_;
    boost::asio::thread_pool blocking_pool_{2};
};

}  // namespace postern::client

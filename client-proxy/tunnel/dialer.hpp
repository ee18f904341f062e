// Opens tunnels to services: over a warm connection when one is ready, otherwise through the catalogue's
// gateways, of which the next is raced against a preferred one that is slow. For PostgreSQL end to end it
// also does TLS inside the tunnel and checks the server's identity. All sessions share one object.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include <boost/asio/awaitable.hpp>

#include "client-proxy/login/login.hpp"
#include "client-proxy/tunnel/cancel_map.hpp"
#include "client-proxy/tunnel/gateway_choice.hpp"
#include "client-proxy/tunnel/gateway_connection.hpp"
#include "client-proxy/tunnel/local_port.hpp"
#include "client-proxy/tunnel/warm_pool.hpp"
#include "net/async_semaphore.hpp"
#include "net/nested_tls_stream.hpp"

namespace postern::client {

/// A tunnel with TLS to PostgreSQL inside it. `tls` refers to the tunnel's stream.
struct ServerTunnel {
    Tunnel tunnel;
    std::unique_ptr<net::NestedTlsStream> tls;
};

/// The timeouts of the steps of dialling.
struct DialTimeouts {
    /// The wait for a handshake permit when many connections are opened at once.
    std::chrono::milliseconds turn = std::chrono::seconds(30);
    /// TCP and TLS with a gateway.
    std::chrono::milliseconds gateway = std::chrono::seconds(10);
    /// How long the preferred gateway has to answer before the next one is tried beside it.
    std::chrono::milliseconds head_start = std::chrono::milliseconds(300);
    /// A warm connection counts as alive if its gateway was heard of within this time; keepalive makes sure
    /// that it is heard of every 30 seconds. Only then are bytes that must be sent at most once included with
    /// the CONNECT. Otherwise they wait for its answer, so that another connection can be tried.
    std::chrono::milliseconds just_now = std::chrono::seconds(35);
    /// The wait for the answer to CONNECT. The gateway's own timeouts for the backend are shorter.
    std::chrono::milliseconds answer = std::chrono::seconds(20);
    /// TLS with PostgreSQL.
    std::chrono::milliseconds server = std::chrono::seconds(10);
};

/// The session that needs a tunnel; it runs on the event loop of `warm`.
struct Caller {
    WarmPool& warm;
    LocalPortPtr port;
    LoginPtr login;
};

/// All functions are thread-safe. The coroutines run on the caller's event loop.
class Dialer {
public:
    explicit Dialer(DialTimeouts timeout = {}) : timeout_(timeout) {}

    /// Opens a tunnel to the port's service. The port determines the service, so `order.service` is ignored.
    boost::asio::awaitable<Outcome<Tunnel>> dial(Caller caller, TunnelOrder order);
    /// Opens a tunnel and does TLS with PostgreSQL, whose certificate is checked to be the service's. CONNECT
    /// and ClientHello are sent in one flight.
    boost::asio::awaitable<Outcome<ServerTunnel>> dial_server(Caller caller, ServiceEntry service,
                                                              CallerClaims claims);
    /// The same, to the backend of a live session, which `target` identifies.
    boost::asio::awaitable<Outcome<ServerTunnel>> dial_server_of(Caller caller, ServiceEntry service,
                                                                 CancelTarget target);

    /// Opens a connection to one gateway, over which nothing has been requested yet. Errors:
    /// gateway_refusal().
    boost::asio::awaitable<Outcome<std::unique_ptr<GatewayConnection>>> open(GatewayEntry gateway,
                                                                             LoginPtr login);
    /// The gateway that the next connection to a service tries first; no value when the catalogue names none.
    std::optional<GatewayEntry> preferred(std::string_view service, const Catalogue& catalogue) const;
    /// Forgets which gateways failed, because the machine is on another network.
    void forget_failures() { choice_.forget_failures(); }

private:
    struct Race;
    /// A connection over which a tunnel may be requested.
    struct Reached {
        std::unique_ptr<GatewayConnection> connection;
        GatewayEntry gateway;
        bool is_warm = false;
        /// The refusal of another gateway that was tried beside this one and failed.
        std::optional<Refusal> lost_beside = std::nullopt;
    };

    /// Connects to the first of the gateways that answers. It removes from `gateways` those that failed and
    /// the one that answered.
    boost::asio::awaitable<Outcome<Reached>> reach(Caller caller, std::vector<GatewayEntry>& gateways,
                                                   bool may_be_warm);
    boost::asio::awaitable<Outcome<Reached>> race(LoginPtr login, std::vector<GatewayEntry>& gateways);
    boost::asio::awaitable<void> run_in(std::shared_ptr<Race> race, GatewayEntry gateway, LoginPtr login);

    /// The outcome of a CONNECT.
    template <class Made>
    struct ConnectOutcome {
        Outcome<Made> made = Refusal();
        /// No other gateway is tried, because it could do no better, or because the request must not be
        /// repeated.
        bool is_final = false;
        /// The warm connection had ended before or while it was used. Unless `is_final` is set, a new
        /// connection is tried.
        bool was_dead = false;
    };
    template <class Made>
    using Ask = std::function<boost::asio::awaitable<ConnectOutcome<Made>>(Reached)>;

    /// Asks the gateways one after the other until one succeeds or refuses for a reason that does not concern
    /// the gateway itself.
    template <class Made>
    boost::asio::awaitable<Outcome<Made>> ask_in_turn(Caller caller, std::vector<GatewayEntry> gateways,
                                                      Ask<Made> ask);
    template <class Made>
    boost::asio::awaitable<std::optional<Admittance>> connect(Reached& reached, TunnelOrder order,
                                                              ConnectOutcome<Made>& outcome);
    boost::asio::awaitable<ConnectOutcome<Tunnel>> ask(Reached reached, TunnelOrder order);
    boost::asio::awaitable<ConnectOutcome<ServerTunnel>> ask_server(Reached reached, LocalPortPtr port,
                                                                    LoginPtr login, ServiceEntry service,
                                                                    TunnelOrder order);
    boost::asio::awaitable<Outcome<ServerTunnel>> dial_servers(Caller caller, ServiceEntry service,
                                                               std::vector<GatewayEntry> gateways,
                                                               TunnelOrder order);

    /// The most handshakes at the same time, so that a burst of local connections does not overload its own
    /// handshakes. Each gateway has its own semaphore, so that nobody waits for a permit behind handshakes
    /// with another gateway that does not answer.
    static constexpr std::size_t kHandshakesAtOnce = 64;
    net::AsyncSemaphore& handshakes(const std::string& gateway);

    DialTimeouts timeout_;
    GatewayChoice choice_;
    std::mutex mutex_;
    /// By gateway name. There are as many as catalogues name.
    std::map<std::string, net::AsyncSemaphore> handshakes_;
};

/// Checks that the certificate, whose chain is already verified, is that of the service's PostgreSQL: that it
/// bears service/<name> of the trust domain; or, where the catalogue names a DNS name, that it is for that
/// name and does not belong to something else of the trust domain. Errors: Code::wrong_server_identity.
Result<void> check_database_identity(const pki::Certificate& certificate, const std::string& trust_domain,
                                     const ServiceEntry& service);

}  // namespace postern::client

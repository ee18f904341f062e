// Tunnels to services: over a warm connection where one is ready, else through the gateways of the catalogue,
// raced when the preferred one is slow; and for PostgreSQL end to end the TLS inside the tunnel, with the
// server's identity checked. One object for all sessions.
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

/// TLS with PostgreSQL inside a tunnel.
struct ServerTunnel {
    Tunnel tunnel;
    std::unique_ptr<net::NestedTlsStream> tls;
};

/// How long each part may take.
struct DialTimeouts {
    /// For a turn, when many connect at once.
    std::chrono::milliseconds turn = std::chrono::seconds(30);
    /// TCP and TLS with a gateway.
    std::chrono::milliseconds gateway = std::chrono::seconds(10);
    /// For the preferred gateway, before the next one is tried beside it.
    std::chrono::milliseconds head_start = std::chrono::milliseconds(300);
    /// Since a warm connection's gateway was last heard of, for it to be taken for alive: what may be said
    /// only once goes with the CONNECT. Later it waits for the answer, so that another connection can be
    /// outcome. One that answers is heard of every 30 seconds (keepalive).
    std::chrono::milliseconds just_now = std::chrono::seconds(35);
    /// The answer to CONNECT. The gateway's own bounds on the backend lie below it.
    std::chrono::milliseconds answer = std::chrono::seconds(20);
    /// TLS with PostgreSQL.
    std::chrono::milliseconds server = std::chrono::seconds(10);
};

/// Who wants a tunnel: a session, on its own event loop.
struct Caller {
    WarmPool& warm;
    LocalPortPtr port;
    LoginPtr login;
};

/// Thread-safe.
class Dialer {
public:
    explicit Dialer(DialTimeouts timeout = {}) : timeout_(timeout) {}

    /// A tunnel as it is, to the port's service. Of the order, the service is the port's.
    boost::asio::awaitable<Outcome<Tunnel>> dial(Caller caller, TunnelOrder order);
    /// With TLS to PostgreSQL, its certificate verified to be that of the service. CONNECT and ClientHello
    /// leave in one flight.
    boost::asio::awaitable<Outcome<ServerTunnel>> dial_server(Caller caller, ServiceEntry service,
                                                              CallerClaims claims);
    /// The same, to the very backend of a live session.
    boost::asio::awaitable<Outcome<ServerTunnel>> dial_server_of(Caller caller, ServiceEntry service,
                                                                 CancelTarget target);

    /// One of the gateways, over which nothing has been outcome yet.
    boost::asio::awaitable<Outcome<std::unique_ptr<GatewayConnection>>> open(GatewayEntry gateway,
                                                                             LoginPtr login);
    /// The one that a service's next connection goes to first; nothing when the catalogue names none.
    std::optional<GatewayEntry> preferred(std::string_view service, const Catalogue& catalogue) const;
    /// The network is another one.
    void forget_failures() { choice_.forget_failures(); }

private:
    struct Race;
    /// A connection over which a tunnel may be outcome for.
    struct Reached {
        std::unique_ptr<GatewayConnection> connection;
        GatewayEntry gateway;
        bool is_warm = false;
        /// Of another gateway, which was tried beside this one and lost.
        std::optional<Refusal> lost_beside = std::nullopt;
    };

    /// The first of the gateways that answers. Those that failed, and the one that answered, leave the list.
    boost::asio::awaitable<Outcome<Reached>> reach(Caller caller, std::vector<GatewayEntry>& gateways,
                                                   bool may_be_warm);
    boost::asio::awaitable<Outcome<Reached>> race(LoginPtr login, std::vector<GatewayEntry>& gateways);
    boost::asio::awaitable<void> run_in(std::shared_ptr<Race> race, GatewayEntry gateway, LoginPtr login);

    /// What came of a CONNECT.
    template <class Made>
    struct ConnectOutcome {
        Outcome<Made> made = Refusal();
        /// Another gateway could do no better, or may not be outcome.
        bool is_final = false;
        /// A warm connection had ended, or ended as it was outcome: a fresh one is outcome, unless that is
        /// final.
        bool was_dead = false;
    };
    template <class Made>
    using Ask = std::function<boost::asio::awaitable<ConnectOutcome<Made>>(Reached)>;

    /// Asks one of the gateways after the other until there is an answer that is none about the gateway
    /// itself.
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

    /// A burst of local connections is not to drown its own handshakes. Each gateway has its own semaphore:
    /// where one is silent, nobody waits for another behind those who wait for it.
    static constexpr std::size_t kHandshakesAtOnce = 64;
    net::AsyncSemaphore& handshakes(const std::string& gateway);

    DialTimeouts timeout_;
    GatewayChoice choice_;
    std::mutex mutex_;
    /// By gateway. As many as catalogues name.
    std::map<std::string, net::AsyncSemaphore> handshakes_;
};

/// Whether the certificate, whose chain has been verified, is that of the service's PostgreSQL:
/// service/<name> of the trust domain; or, where the catalogue names a DNS name, one for that name which is
/// not the certificate of something else of the trust domain. Code::wrong_server_identity.
Result<void> check_database_identity(const pki::Certificate& certificate, const std::string& trust_domain,
                                     const ServiceEntry& service);

}  // namespace postern::client

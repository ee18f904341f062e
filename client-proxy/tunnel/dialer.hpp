// Tunnels to services: the gateways of the catalogue in turn, and for PostgreSQL end to end the TLS inside
// the tunnel, with the server's identity checked. One object for all sessions.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include <boost/asio/awaitable.hpp>

#include "client-proxy/login/login.hpp"
#include "client-proxy/session/cancel_map.hpp"
#include "client-proxy/tunnel/gateway_choice.hpp"
#include "client-proxy/tunnel/gateway_connection.hpp"
#include "net/nested_tls_stream.hpp"
#include "net/turnstile.hpp"

namespace postern::client {

/// TLS with PostgreSQL inside a tunnel.
struct ServerTunnel {
    Tunnel tunnel;
    std::unique_ptr<net::NestedTlsStream> tls;
};

/// How long each part may take.
struct DialPatience {
    /// For a turn, when many connect at once.
    std::chrono::milliseconds turn = std::chrono::seconds(30);
    /// TCP and TLS with a gateway.
    std::chrono::milliseconds gateway = std::chrono::seconds(10);
    /// The answer to CONNECT. The gateway's own bounds on the backend lie below it.
    std::chrono::milliseconds answer = std::chrono::seconds(20);
    /// TLS with PostgreSQL.
    std::chrono::milliseconds server = std::chrono::seconds(10);
};

/// Thread-safe.
class Dialer {
public:
    explicit Dialer(DialPatience patience = {}) : patience_(patience) {}

    /// A tunnel as it is. `first_bytes` travel with the CONNECT, and `claims` (TunnelOrder).
    boost::asio::awaitable<Outcome<Tunnel>> dial(LoginPtr login, std::string service, std::string first_bytes,
                                                 std::string claims = {});
    /// With TLS to PostgreSQL, its certificate verified to be that of the service. CONNECT and ClientHello
    /// leave in one flight.
    boost::asio::awaitable<Outcome<ServerTunnel>> dial_server(LoginPtr login, ServiceEntry service,
                                                              std::string claims = {});
    /// The same, to the very backend of a live session.
    boost::asio::awaitable<Outcome<ServerTunnel>> dial_server_of(LoginPtr login, ServiceEntry service,
                                                                 CancelTarget target);

private:
    boost::asio::awaitable<Outcome<Tunnel>> try_gateway(GatewayEntry gateway, LoginPtr login,
                                                        TunnelOrder order);
    boost::asio::awaitable<Outcome<ServerTunnel>> try_server(GatewayEntry gateway, LoginPtr login,
                                                             ServiceEntry service, std::string cancel_of,
                                                             std::string claims);

    /// One of the gateways, over which nothing has been asked yet.
    boost::asio::awaitable<Outcome<std::unique_ptr<GatewayConnection>>> open(GatewayEntry gateway,
                                                                             LoginPtr login);

    /// A burst of local connections is not to drown its own handshakes.
    static constexpr std::size_t kHandshakesAtOnce = 64;

    DialPatience patience_;
    net::Turnstile handshakes_{kHandshakesAtOnce};
    GatewayChoice choice_;
};

/// Whether the certificate, whose chain has been verified, is that of the service's PostgreSQL:
/// service/<name> of the trust domain; or, where the catalogue names a DNS name, one for that name which is
/// not the certificate of something else of the trust domain. Code::wrong_server_identity.
Result<void> check_database_identity(const pki::Certificate& certificate, const std::string& trust_domain,
                                     const ServiceEntry& service);

}  // namespace postern::client

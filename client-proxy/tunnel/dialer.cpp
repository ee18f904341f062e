#include "client-proxy/tunnel/dialer.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "net/deadline.hpp"
#include "pki/identity.hpp"

namespace postern::client {

namespace asio = boost::asio;

namespace {

Refusal no_gateways() {
    return {Code::unreachable,
            "the CA's catalogue names no gateway",
            "The administrator adds a [[gateway]] with name and address to ca.toml; then run: postern login",
            {}};
}

// A gateway that is away may be the very one that knows the service: that is told rather than another's
// ignorance.
Refusal more_telling(std::optional<Refusal> before, Refusal now) {
    if (before && (now.code == Code::unknown_service || before->code != Code::unknown_service)) {
        return *std::move(before);
    }
    return now;
}

}  // namespace

Result<void> check_database_identity(const pki::Certificate& certificate, const std::string& trust_domain,
                                     const ServiceEntry& service) {
    if (service.server_name.empty()) {
        return pki::check_server_identity(certificate, trust_domain, pki::ServerKind::service, service.name);
    }
    // A gateway may stand on the database's host and bear its DNS name. It must not be able to play the
    // database.
    const std::string ours = fmt::format("spiffe://{}/", trust_domain);
    const auto uris = certificate.uris();
    if (std::any_of(uris.begin(), uris.end(),
                    [&](const std::string& uri) { return uri.starts_with(ours); })) {
        return pki::check_server_identity(certificate, trust_domain, pki::ServerKind::service, service.name);
    }
    if (X509_check_host(certificate.get(), service.server_name.data(), service.server_name.size(),
                        X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS, nullptr) != 1) {
        return Failure{Code::wrong_server_identity, "the certificate is not for " + service.server_name};
    }
    return {};
}

asio::awaitable<Outcome<std::unique_ptr<GatewayConnection>>> Dialer::open(GatewayEntry gateway,
                                                                          LoginPtr login) {
    const auto pass = co_await handshakes_.enter(patience_.turn);
    if (!pass) {
        co_return gateway_refusal(pass.error(), gateway.name);
    }
    co_return co_await GatewayConnection::open(std::move(gateway), std::move(login), patience_.gateway);
}

asio::awaitable<Outcome<Tunnel>> Dialer::try_gateway(GatewayEntry gateway, LoginPtr login,
                                                     TunnelOrder order) {
    Tunnel tunnel;
    tunnel.gateway = gateway;
    auto opened = co_await open(std::move(gateway), std::move(login));
    if (!opened) {
        co_return opened.error();
    }
    tunnel.stream = *std::move(opened);
    auto connected = co_await tunnel.stream->connect(std::move(order), patience_.answer);
    if (!connected) {
        co_return connected.error();
    }
    tunnel.connection_id = *std::move(connected);
    co_return std::move(tunnel);
}

asio::awaitable<Outcome<Tunnel>> Dialer::dial(LoginPtr login, std::string service, std::string first_bytes,
                                              std::string claims) {
    std::optional<Refusal> refused;
    const auto gateways = choice_.order(service, login->catalogue());
    for (const auto& entry : gateways) {
        GatewayEntry gateway = entry;
        LoginPtr with = login;
        TunnelOrder order;
        order.service = service;
        order.first_bytes = first_bytes;
        order.claims = claims;
        auto tunnel = co_await try_gateway(std::move(gateway), std::move(with), std::move(order));
        if (tunnel) {
            choice_.worked(service, entry.name);
            co_return std::move(tunnel);
        }
        const Code code = tunnel.error().code;
        refused = more_telling(std::move(refused), std::move(tunnel).error());
        if (!GatewayChoice::may_try_another(code)) {
            break;
        }
    }
    if (!refused) {
        refused = no_gateways();
    }
    co_return *std::move(refused);
}

asio::awaitable<Outcome<ServerTunnel>> Dialer::try_server(GatewayEntry gateway, LoginPtr login,
                                                          ServiceEntry service, std::string cancel_of,
                                                          std::string claims) {
    ServerTunnel made;
    made.tunnel.gateway = gateway;
    LoginPtr with = login;
    auto opened = co_await open(std::move(gateway), std::move(with));
    if (!opened) {
        co_return opened.error();
    }
    made.tunnel.stream = *std::move(opened);
    made.tls =
        std::make_unique<net::NestedTlsStream>(*made.tunnel.stream, login->server_tls(), service.server_name);
    auto hello = made.tls->take_client_hello();
    if (!hello) {
        co_return server_refusal(hello.error(), service.name);
    }
    TunnelOrder order;
    order.service = service.name;
    order.starts_postgres_tls = true;
    order.cancel_of = std::move(cancel_of);
    order.claims = std::move(claims);
    order.first_bytes = *std::move(hello);
    auto connected = co_await made.tunnel.stream->connect(std::move(order), patience_.answer);
    if (!connected) {
        co_return connected.error();
    }
    made.tunnel.connection_id = *std::move(connected);

    auto* const stream = made.tunnel.stream.get();
    std::function<void()> cut = [stream] { stream->cancel(); };
    const net::Deadline deadline(stream->executor(), patience_.server, std::move(cut));
    const auto done = co_await made.tls->handshake();
    const auto peer = done ? made.tls->peer() : net::TlsPeer();
    Result<void> is_it = done;
    if (done) {
        is_it = peer.certificate ? check_database_identity(*peer.certificate, login->trust_domain(), service)
                                 : Result<void>(Failure{Code::wrong_server_identity, "no certificate"});
    }
    if (!is_it) {
        Refusal refusal = server_refusal(is_it.error(), service.name);
        refusal.connection_id = made.tunnel.connection_id;
        co_return std::move(refusal);
    }
    co_return std::move(made);
}

asio::awaitable<Outcome<ServerTunnel>> Dialer::dial_server(LoginPtr login, ServiceEntry service,
                                                           std::string claims) {
    std::optional<Refusal> refused;
    const auto gateways = choice_.order(service.name, login->catalogue());
    for (const auto& entry : gateways) {
        GatewayEntry gateway = entry;
        LoginPtr with = login;
        ServiceEntry wanted = service;
        std::string nothing;
        std::string claimed = claims;
        auto made = co_await try_server(std::move(gateway), std::move(with), std::move(wanted),
                                        std::move(nothing), std::move(claimed));
        if (made) {
            choice_.worked(service.name, entry.name);
            co_return std::move(made);
        }
        const Refusal now = made.error();
        const Code code = now.code;
        // Once a gateway has let the connection in, PostgreSQL's troubles are no reason to ask another one.
        const bool is_gateways = now.connection_id.empty() || code == Code::unknown_service;
        refused = more_telling(std::move(refused), now);
        if (!is_gateways || !GatewayChoice::may_try_another(code)) {
            break;
        }
    }
    if (!refused) {
        refused = no_gateways();
    }
    co_return *std::move(refused);
}

asio::awaitable<Outcome<ServerTunnel>> Dialer::dial_server_of(LoginPtr login, ServiceEntry service,
                                                              CancelTarget target) {
    return try_server(std::move(target.gateway), std::move(login), std::move(service),
                      std::move(target.connection_id), std::string());
}

}  // namespace postern::client

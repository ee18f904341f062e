// Connects to gateways and to the CA service, directly or through the proxy that the settings of this process
// name.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include <boost/asio/awaitable.hpp>

#include "client-proxy/config/proxy_rules.hpp"
#include "client-proxy/refusal/refusal.hpp"
#include "http/client.hpp"
#include "net/plain_stream.hpp"

namespace postern::client {

/// The rules of this process, read from config.toml and the environment at the first call. An invalid setting
/// is an error for every connection, so that none bypasses the proxy. The result is never null, and the
/// caller keeps it while it uses it. May be called from any thread.
std::shared_ptr<const Result<ProxyRules>> proxy_rules();
/// Replaces the rules for connections from now on. May be called from any thread.
void use_proxy_rules(ProxyRules rules);

/// Connects to the gateway called `gateway` at the address `where`. It covers the answer of a proxy too.
/// Errors: gateway_refusal(), or the refusal of the proxy.
boost::asio::awaitable<Outcome<net::PlainStream>> dial_gateway(net::Address where, std::string gateway,
                                                               net::Deadline deadline);

/// The connection of an http::Client to the CA service. It keeps the reason why the last connection failed on
/// the way, for refusal().
class CaRoute {
public:
    /// `url` is how refusals name the CA service.
    explicit CaRoute(std::string url);
    /// The function for http::ClientOptions::dial. It applies the rules that are in force at each connection.
    http::Dial dial() const;
    /// The refusal to report, before anything is dialled, when the proxy settings are invalid; no value when
    /// they are valid.
    static std::optional<Refusal> misconfigured();
    /// Has a value when the last connection failed at the proxy or because of invalid settings.
    std::optional<Refusal> refusal() const;

private:
    std::string url_;
    /// Shared with the dial functions.
    std::shared_ptr<std::optional<Refusal>> refusal_;
};

}  // namespace postern::client

// Connections to gateways and to the CA service, directly or through the proxy that this process's settings
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

/// Of this process: config.toml and the environment, read at the first use. A bad setting refuses every
/// connection rather than going round the proxy. Never null; whoever uses one keeps it meanwhile. Any thread.
std::shared_ptr<const Result<ProxyRules>> proxy_rules();
/// In place of those, for connections from now on.
void use_proxy_rules(ProxyRules rules);

/// To the gateway called `gateway`, at `where`; `timeout` covers the proxy's answer too.
boost::asio::awaitable<Outcome<net::PlainStream>> dial_gateway(net::Address where, std::string gateway,
                                                               std::chrono::milliseconds timeout);

/// How the CA service is reached, for http::Client. What stood in the way is kept for refusal().
class CaRoute {
public:
    /// `url`: what it is called in a refusal.
    explicit CaRoute(std::string url);
    /// For http::ClientOptions::dial. By the rules as they are at each connection.
    http::Dial dial() const;
    /// Set when the settings are wrong, and nothing is to be dialled.
    static std::optional<Refusal> misconfigured();
    /// Set when the last connection failed at the proxy, or for want of good settings.
    std::optional<Refusal> refusal() const;

private:
    std::string url_;
    /// Shared with the clients that dial by it.
    std::shared_ptr<std::optional<Refusal>> refusal_;
};

}  // namespace postern::client

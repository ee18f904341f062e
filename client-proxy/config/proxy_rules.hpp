// Decides which connections go through an HTTP proxy. The settings of config.toml come before the
// environment, whose variables are read as curl reads them, except that the environment's proxy does not
// apply to the loopback. Nothing here has side effects.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "client-proxy/config/http_proxy.hpp"

namespace postern::client {

/// Whether NO_PROXY names the host, by curl's rules. "*" alone matches everything. A name matches itself and
/// all names below it, with or without a leading dot. An address matches itself, or the addresses of its
/// network (10.0.0.0/8). Ports are not supported.
bool is_excepted(std::string_view host, std::string_view no_proxy);

/// Errors: Code::config_invalid when an entry is not a name, an address, or a network with a valid prefix
/// length.
Result<void> check_no_proxy(std::string_view no_proxy);

class ProxyRules {
public:
    /// getenv(), or a replacement for tests.
    using Environment = std::function<const char*(const char*)>;

    /// Makes every connection direct.
    ProxyRules() = default;
    /// `proxy` and `no_proxy` have the values of config.toml. When `proxy` is empty, the first of
    /// https_proxy, HTTPS_PROXY, all_proxy and ALL_PROXY that is set is used, and not for the loopback,
    /// because such a proxy is meant for remote hosts. "none" means no proxy, whatever the environment says.
    /// When `no_proxy` is empty, no_proxy or NO_PROXY is used. Errors: Code::config_invalid.
    static Result<ProxyRules> make(std::string_view proxy, std::string_view no_proxy,
                                   const Environment& environment);

    /// The proxy for connections to `host`; null when they are direct. The pointer is valid as long as this
    /// object.
    const HttpProxy* proxy_for(std::string_view host) const;
    /// The configured proxy, regardless of exceptions; null when there is none.
    const HttpProxy* proxy() const noexcept { return proxy_ ? &*proxy_ : nullptr; }
    const std::string& no_proxy() const noexcept { return no_proxy_; }

private:
    std::optional<HttpProxy> proxy_;
    std::string no_proxy_;
    bool is_for_loopback_ = false;
};

}  // namespace postern::client

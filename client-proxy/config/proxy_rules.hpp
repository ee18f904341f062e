// Which connections go through an HTTP proxy: what config.toml says, else what the environment says, with
// curl's reading of it, except that the environment's proxy is not for the loopback. Pure.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "client-proxy/config/http_proxy.hpp"

namespace postern::client {

/// Whether NO_PROXY names the host, by curl's rules: "*" alone is everything; a name is itself and everything
/// below it, with or without a dot before it; an address is itself, or is in a network (10.0.0.0/8). Ports
/// are not known.
bool is_excepted(std::string_view host, std::string_view no_proxy);

/// Whether each entry is something that can except: a name or an address, or a network whose bits fit.
/// Code::config_invalid.
Result<void> check_no_proxy(std::string_view no_proxy);

class ProxyRules {
public:
    /// getenv(), or something in its place.
    using Environment = std::function<const char*(const char*)>;

    /// Every connection is direct.
    ProxyRules() = default;
    /// `proxy` and `no_proxy` as config.toml has them. `proxy` empty: https_proxy, HTTPS_PROXY, all_proxy,
    /// ALL_PROXY, the first that is set, and not for the loopback: it was meant for what is away from here;
    /// "none": no proxy whatever the environment says. `no_proxy` empty: no_proxy, NO_PROXY.
    static Result<ProxyRules> make(std::string_view proxy, std::string_view no_proxy,
                                   const Environment& environment);

    /// Null: directly.
    const HttpProxy* proxy_for(std::string_view host) const;
    /// The one there is, whatever goes round it; null when there is none.
    const HttpProxy* proxy() const noexcept { return proxy_ ? &*proxy_ : nullptr; }
    const std::string& no_proxy() const noexcept { return no_proxy_; }

private:
    std::optional<HttpProxy> proxy_;
    std::string no_proxy_;
    bool is_for_loopback_ = false;
};

}  // namespace postern::client

#include "client-proxy/config/proxy_rules.hpp"

#include <algorithm>
#include <cctype>
#include <initializer_list>
#include <utility>

#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/network_v4.hpp>
#include <boost/asio/ip/network_v6.hpp>
#include <fmt/format.h>

namespace postern::client {

namespace ip = boost::asio::ip;

namespace {

constexpr std::string_view kLoopback = "localhost 127.0.0.0/8 ::1";

std::optional<ip::address> ip_address(std::string_view text) {
    if (text.starts_with('[') && text.ends_with(']')) {
        text = text.substr(1, text.size() - 2);
    }
    boost::system::error_code error;
    const auto address = ip::make_address(std::string(text), error);
    // A zone (RFC 4007) names an interface, and no network has one.
    const bool has_zone = text.find('%') != text.npos;
    return error || has_zone ? std::nullopt : std::optional(address);
}

bool is_in_network(const ip::address& address, std::string_view entry) {
    const auto slash = entry.find('/');
    const auto network = ip_address(entry.substr(0, slash));
    if (!network || network->is_v4() != address.is_v4()) {
        return false;
    }
    if (slash == entry.npos) {
        return *network == address;
    }
    const std::string cidr = network->to_string() + std::string(entry.substr(slash));
    boost::system::error_code error;
    if (address.is_v4()) {
        const auto wanted = ip::make_network_v4(cidr, error);
        const ip::network_v4 own(address.to_v4(), wanted.prefix_length());
        return !error && own.canonical() == wanted.canonical();
    }
    const auto wanted = ip::make_network_v6(cidr, error);
    const ip::network_v6 own(address.to_v6(), wanted.prefix_length());
    return !error && own.canonical() == wanted.canonical();
}

bool is_name_or_below(std::string_view host, std::string_view entry) {
    if (entry.empty() || entry.size() > host.size()) {
        return false;
    }
    const auto tail = host.substr(host.size() - entry.size());
    const bool is_same =
        std::equal(tail.begin(), tail.end(), entry.begin(),
                   [](unsigned char a, unsigned char b) { return std::tolower(a) == std::tolower(b); });
    return is_same && (tail.size() == host.size() || host[host.size() - entry.size() - 1] == '.');
}

std::string first_set(const ProxyRules::Environment& environment, std::initializer_list<const char*> names) {
    for (const char* name : names) {
        const char* const value = environment(name);
        if (value != nullptr && *value != '\0') {
            return value;
        }
    }
    return {};
}

}  // namespace

bool is_excepted(std::string_view host, std::string_view no_proxy) {
    if (no_proxy == "*") {
        return true;
    }
    const auto address = ip_address(host);
    if (!address && host.ends_with('.')) {
        host.remove_suffix(1);
    }
    while (!no_proxy.empty()) {
        const auto end = std::min(no_proxy.find_first_of(", \t"), no_proxy.size());
        std::string_view entry = no_proxy.substr(0, end);
        no_proxy.remove_prefix(std::min(end + 1, no_proxy.size()));
        if (address) {
            if (is_in_network(*address, entry)) {
                return true;
            }
            continue;
        }
        if (entry.ends_with('.')) {
            entry.remove_suffix(1);
        }
        if (entry.starts_with('.')) {
            entry.remove_prefix(1);
        }
        if (is_name_or_below(host, entry)) {
            return true;
        }
    }
    return false;
}

Result<void> check_no_proxy(std::string_view no_proxy) {
    while (!no_proxy.empty()) {
        const auto end = std::min(no_proxy.find_first_of(", \t"), no_proxy.size());
        const std::string_view entry = no_proxy.substr(0, end);
        no_proxy.remove_prefix(std::min(end + 1, no_proxy.size()));
        const auto slash = entry.find('/');
        const auto network = ip_address(entry.substr(0, slash));
        const bool is_network = slash != entry.npos && network && is_in_network(*network, entry);
        const bool is_name = !entry.starts_with('/') && entry.find_first_of("/@?#\"'") == entry.npos;
        if (slash != entry.npos ? !is_network : !is_name) {
            return Failure{Code::config_invalid,
                           fmt::format("'{}' is no name, address or network; it looks like .example.org, "
                                       "192.0.2.7 or 10.0.0.0/8, with commas in between",
                                       entry)};
        }
    }
    return {};
}

Result<ProxyRules> ProxyRules::make(std::string_view proxy, std::string_view no_proxy,
                                    const Environment& environment) {
    ProxyRules rules;
    if (proxy == "none") {
        return rules;
    }
    const bool is_configured = !proxy.empty();
    const std::string url =
        is_configured ? std::string(proxy)
                      : first_set(environment, {"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"});
    if (url.empty()) {
        return rules;
    }
    auto parsed = parse_proxy(url);
    if (!parsed) {
        return with_context(is_configured ? "proxy in config.toml" : "HTTPS_PROXY", parsed.error());
    }
    rules.proxy_ = *std::move(parsed);
    rules.is_for_loopback_ = is_configured;
    rules.no_proxy_ =
        no_proxy.empty() ? first_set(environment, {"no_proxy", "NO_PROXY"}) : std::string(no_proxy);
    return rules;
}

const HttpProxy* ProxyRules::proxy_for(std::string_view host) const {
    const bool is_direct =
        !proxy_ || is_excepted(host, no_proxy_) || (!is_for_loopback_ && is_excepted(host, kLoopback));
    return is_direct ? nullptr : &*proxy_;
}

}  // namespace postern::client

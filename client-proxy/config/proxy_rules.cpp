#include "client-proxy/config/proxy_rules.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <initializer_list>
#include <utility>

#include <fmt/format.h>

namespace postern::client {

namespace {

constexpr std::string_view kLoopback = "localhost 127.0.0.0/8 ::1";

struct IpAddress {
    std::array<unsigned char, 16> bytes{};
    unsigned bits = 0;
};

std::optional<IpAddress> ip_address(std::string_view text) {
    if (text.starts_with('[') && text.ends_with(']')) {
        text = text.substr(1, text.size() - 2);
    }
    const std::string terminated(text);
    IpAddress address;
    if (::inet_pton(AF_INET, terminated.c_str(), address.bytes.data()) == 1) {
        address.bits = 32;
        return address;
    }
    if (::inet_pton(AF_INET6, terminated.c_str(), address.bytes.data()) == 1) {
        address.bits = 128;
        return address;
    }
    return std::nullopt;
}

bool is_in_network(const IpAddress& address, std::string_view entry) {
    const auto slash = entry.find('/');
    const auto network = ip_address(entry.substr(0, slash));
    if (!network || network->bits != address.bits) {
        return false;
    }
    unsigned bits = address.bits;
    if (slash != entry.npos) {
        const char* const end = entry.data() + entry.size();
        const auto read = std::from_chars(entry.data() + slash + 1, end, bits);
        if (read.ec != std::errc() || read.ptr != end || bits > address.bits) {
            return false;
        }
    }
    for (unsigned bit = 0; bit < bits; ++bit) {
        const auto mask = static_cast<unsigned char>(0x80U >> bit % 8);
        if (((address.bytes[bit / 8] ^ network->bytes[bit / 8]) & mask) != 0) {
            return false;
        }
    }
    return true;
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

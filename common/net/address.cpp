#include "net/address.hpp"

#include <sys/un.h>

#include <algorithm>
#include <cctype>

#include <boost/asio/ip/address.hpp>
#include <fmt/format.h>

#include "base/log.hpp"

namespace postern::net {

namespace {

constexpr std::size_t kMostHostBytes = 255;
constexpr std::size_t kMostShownBytes = 300;

Failure no_address(std::string_view text, std::string_view why) {
    return Failure{Code::malformed_request,
                   fmt::format("{} {}; an address looks like db.example.org:5432, 192.0.2.7:5432 or "
                               "[2001:db8::7]:5432",
                               quoted(text, kMostShownBytes), why)};
}

bool fits_name(char c) {
    const bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    return is_letter || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_';
}

/// The host in canonical form; empty if it is neither a name nor an IP address.
std::string normal_host(std::string_view host, bool is_bracketed) {
    boost::system::error_code error;
    const auto ip = boost::asio::ip::make_address(std::string(host), error);
    if (!error) {
        return ip.is_v6() == is_bracketed ? ip.to_string() : std::string();
    }
    if (is_bracketed) {
        return {};
    }
    if (host == "*") {
        return "*";
    }
    // Digits and dots that are not an IP address are not a host name either.
    const bool is_number = host.find_first_not_of("0123456789.") == host.npos;
    if (host.size() > kMostHostBytes || is_number || !std::all_of(host.begin(), host.end(), fits_name)) {
        return {};
    }
    std::string name(host);
    std::transform(name.begin(), name.end(), name.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return name;
}

/// The port without leading zeros; empty if it is not a port.
std::string normal_port(std::string_view port) {
    unsigned number = 0;
    if (port.empty() || port.size() > 5) {
        return {};
    }
    for (const char c : port) {
        if (c < '0' || c > '9') {
            return {};
        }
        number = number * 10 + static_cast<unsigned>(c - '0');
    }
    return number > 65535 ? std::string() : std::to_string(number);
}

}  // namespace

std::string Address::text() const {
    if (is_unix) {
        return "unix:" + host;
    }
    const bool is_v6 = host.find(':') != std::string::npos;
    return (is_v6 ? "[" + host + "]" : host) + ":" + port;
}

Result<Address> parse_address(std::string_view text) {
    Address address;
    const bool has_control =
        std::any_of(text.begin(), text.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; });
    if (has_control) {
        return no_address(text, "has a control character in it");
    }
    if (text.starts_with("unix:")) {
        address.host = text.substr(5);
        address.is_unix = true;
        if (address.host.empty() || address.host.size() >= sizeof(sockaddr_un::sun_path)) {
            return no_address(text, "is no path of a Unix socket");
        }
        return address;
    }
    if (text.find("://") != text.npos) {
        return no_address(text, "is a URL, where a host and a port are taken");
    }
    const bool is_bracketed = text.starts_with('[');
    const auto end = is_bracketed ? text.find(']') : text.find(':');
    if (end == text.npos) {
        return no_address(text, is_bracketed ? "has no ] in it" : "names no port");
    }
    if (!is_bracketed && text.find(':', end + 1) != text.npos) {
        return no_address(text, "has an IPv6 address without brackets, or too many colons");
    }
    const std::string_view host = is_bracketed ? text.substr(1, end - 1) : text.substr(0, end);
    const std::string_view rest = is_bracketed ? text.substr(end + 1) : text.substr(end);
    address.host = normal_host(host, is_bracketed);
    if (address.host.empty()) {
        return no_address(text, "names no host");
    }
    address.port = rest.starts_with(':') ? normal_port(rest.substr(1)) : std::string();
    if (address.port.empty()) {
        return no_address(text, "names no port (1 to 65535)");
    }
    return address;
}

bool is_ip_address(const std::string& text) {
    boost::system::error_code error;
    boost::asio::ip::make_address(text, error);
    return !error;
}

bool is_listenable(const Address& address) {
    return address.is_unix || is_ip_address(address.host) || address.host == "localhost" ||
           address.host == "*";
}

}  // namespace postern::net

#include "client-proxy/config/http_proxy.hpp"

#include <algorithm>
#include <cctype>
#include <optional>

#include <fmt/format.h>

#include "base/process.hpp"
#include "http/percent_encoding.hpp"
#include "pki/digest.hpp"

namespace postern::client {

namespace {

constexpr std::size_t kMostAddressBytes = 2048;
constexpr std::string_view kDefaultPort = ":1080";

Failure invalid(std::string_view why) {
    return {Code::config_invalid,
            fmt::format("the proxy's address {}; it looks like http://proxy.example.org:3128", why)};
}

char lower(char c) {
    return static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
}

bool equals_ignoring_case(std::string_view a, std::string_view b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                      [](char x, char y) { return lower(x) == lower(y); });
}

/// A user name or a password out of a URL. Nothing when it is encoded wrongly, or holds a control character.
std::optional<std::string> decoded_credential(std::string_view text) {
    auto decoded = http::percent_decoded(text);
    const bool has_control = decoded && std::any_of(decoded->begin(), decoded->end(),
                                                    [](unsigned char c) { return c < 0x20 || c == 0x7f; });
    return has_control ? std::nullopt : std::move(decoded);
}

}  // namespace

Result<HttpProxy> parse_proxy(std::string_view url) {
    if (url.empty() || url.size() > kMostAddressBytes) {
        return invalid(url.empty() ? "is empty" : "is too long");
    }
    if (const auto scheme_end = url.find("://"); scheme_end != url.npos) {
        if (!equals_ignoring_case(url.substr(0, scheme_end), "http")) {
            return invalid("begins with another scheme than http://");
        }
        url.remove_prefix(scheme_end + 3);
    }
    HttpProxy proxy;
    // A password may contain an @ that is not encoded, so the last @ ends the credentials.
    const auto authority = url.substr(0, url.find('/', url.rfind('@') == url.npos ? 0 : url.rfind('@')));
    std::string host(authority);
    if (const auto at = authority.rfind('@'); at != authority.npos) {
        const auto credentials = authority.substr(0, at);
        const auto colon = credentials.find(':');
        auto user = decoded_credential(credentials.substr(0, colon));
        auto password = decoded_credential(colon == credentials.npos ? "" : credentials.substr(colon + 1));
        // RFC 7617: a user name contains no colon.
        if (!user || !password || user->find(':') != user->npos) {
            return invalid("has a user name or password that is not percent-encoded as it should be");
        }
        proxy.user = *std::move(user);
        proxy.password = Secret(*std::move(password));
        host = authority.substr(at + 1);
    }
    const auto bracket = host.rfind(']');
    if (host.find(':', bracket == host.npos ? 0 : bracket) == host.npos) {
        host += kDefaultPort;
    }
    auto address = net::parse_address(host);
    if (!address || address->is_unix) {
        return invalid("names no host and port");
    }
    proxy.address = *std::move(address);
    return proxy;
}

Secret connect_request(const HttpProxy& proxy, const net::Address& target) {
    std::string request = fmt::format("CONNECT {0} HTTP/1.1\r\nHost: {0}\r\nUser-Agent: postern/{1}\r\n",
                                      target.text(), version());
    if (proxy.has_credentials()) {
        Secret plain(proxy.user + ":" + std::string(proxy.password.reveal()));
        Secret encoded(pki::base64(plain.reveal()));
        // The string must not reallocate, which would leave a copy of the secret behind.
        request.reserve(request.size() + encoded.reveal().size() + 64);
        request.append("Proxy-Authorization: Basic ").append(encoded.reveal()).append("\r\n");
    }
    request += "\r\n";
    return Secret(std::move(request));
}

}  // namespace postern::client

#include "http/https_url.hpp"

#include <algorithm>
#include <cctype>
#include <utility>

#include <boost/url/authority_view.hpp>
#include <boost/url/parse.hpp>
#include <fmt/format.h>

#include "base/log.hpp"

namespace postern::http {

namespace {

const std::string kDefaultPort = "443";
constexpr std::size_t kMostUrlBytes = 2048;
constexpr std::size_t kMostShown = 200;

char lower_case(char c) {
    return static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
}

/// What is wrong with the characters or the length of the text; empty if nothing is.
std::string_view unfit(std::string_view text) {
    if (text.empty()) {
        return "is empty";
    }
    if (text.size() > kMostUrlBytes) {
        return "is too long";
    }
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte == ' ' || byte == '\t') {
            return "has a blank in it";
        }
        if (byte < 0x20 || byte == 0x7f) {
            return "has a control character in it";
        }
        if (byte >= 0x80) {
            return "has a character in it that is not ASCII (write a name as DNS has it, xn--…)";
        }
    }
    return {};
}

/// Whether the URL has that scheme (RFC 3986, section 3.1).
bool has_scheme(std::string_view text, std::string_view scheme) {
    return text.size() >= scheme.size() && std::equal(scheme.begin(), scheme.end(), text.begin(),
                                                      [](char a, char b) { return a == lower_case(b); });
}

/// The host and the port of an authority (RFC 3986, section 3.2); or what is wrong with it.
Result<net::Address> address_of(std::string_view authority) {
    const auto wrong = [](std::string_view why) { return Failure{Code::config_invalid, std::string(why)}; };
    const auto parsed = boost::urls::parse_authority({authority.data(), authority.size()});
    if (!parsed) {
        const bool lacks_brackets =
            !authority.starts_with('[') && std::count(authority.begin(), authority.end(), ':') > 1;
        return wrong(lacks_brackets ? "has an IPv6 address without brackets: write [2001:db8::1]:7444"
                                    : "has no host and port (1 to 65535)");
    }
    if (parsed->has_userinfo()) {
        return wrong("names a user, which is not taken");
    }
    const std::string host(parsed->encoded_host());
    if (host.empty()) {
        return wrong("names no host");
    }
    auto address =
        net::parse_address(host + ":" + (parsed->has_port() ? std::string(parsed->port()) : kDefaultPort));
    if (!address || address->is_unix || address->host == "*" || address->port == "0") {
        return wrong(parsed->has_port() ? "has no host and port (1 to 65535)" : "names no host");
    }
    return address;
}

}  // namespace

Result<HttpsUrl> HttpsUrl::parse(std::string_view text) {
    const auto wrong = [text](std::string_view why) {
        return Failure{Code::config_invalid, fmt::format("{} {}; it looks like https://ca.example.org:7444",
                                                         quoted(text, kMostShown), why)};
    };
    if (const auto why = unfit(text); !why.empty()) {
        return wrong(why);
    }
    constexpr std::string_view kScheme = "https://";
    if (!has_scheme(text, kScheme)) {
        return wrong(has_scheme(text, "http://") ? "is http, where only https is taken"
                                                 : "does not begin with https://");
    }
    std::string_view rest = text.substr(kScheme.size());
    if (rest.ends_with('/')) {
        rest.remove_suffix(1);
    }
    if (rest.find_first_of("/?#") != rest.npos) {
        return wrong("has a path, where none is taken");
    }
    auto address = address_of(rest);
    if (!address) {
        return wrong(address.error().detail);
    }
    return HttpsUrl(*std::move(address));
}

std::string HttpsUrl::text() const {
    std::string authority = address_.text();
    if (address_.port == kDefaultPort) {
        authority.resize(authority.size() - kDefaultPort.size() - 1);
    }
    return "https://" + authority;
}

Result<void> check_url(std::string_view text) {
    const auto wrong = [text](std::string_view why) {
        return Failure{Code::config_invalid, fmt::format("{} {}; it looks like http://ca.example.org/v1/crl",
                                                         quoted(text, kMostShown), why)};
    };
    if (const auto why = unfit(text); !why.empty()) {
        return wrong(why);
    }
    std::string_view rest = text;
    for (const std::string_view scheme : {"https://", "http://"}) {
        if (!has_scheme(rest, scheme)) {
            continue;
        }
        rest.remove_prefix(scheme.size());
        if (text.find_first_of("\"<>\\^`{|}") != text.npos || text.find('#') != text.npos) {
            return wrong("has a character in it that no such address has");
        }
        auto address = address_of(rest.substr(0, rest.find_first_of("/?")));
        if (!address) {
            return wrong(address.error().detail);
        }
        return {};
    }
    return wrong("begins neither with http:// nor with https://");
}

}  // namespace postern::http

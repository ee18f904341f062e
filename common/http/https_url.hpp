// Parses URLs of HTTP services that people write into the canonical form in which they are compared, stored
// and shown.
#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"
#include "net/plain_stream.hpp"

namespace postern::http {

/// The URL of a CA service, for example "https://ca.example.org:7444".
class HttpsUrl {
public:
    /// Parses https://host and https://host:port, in any case and with an optional trailing slash. A path, a
    /// query, a user, a blank, a control character or an invalid port is refused with Code::config_invalid,
    /// which says what is wrong and shows an example.
    static Result<HttpsUrl> parse(std::string_view text);

    const net::Address& address() const noexcept { return address_; }
    /// The canonical form: lower case, without the slash, without the port if it is 443 (RFC 3986, section
    /// 6.2.3), IP addresses as the system prints them.
    std::string text() const;
    bool operator==(const HttpsUrl& other) const { return text() == other.text(); }

private:
    explicit HttpsUrl(net::Address address) : address_(std::move(address)) {}
    net::Address address_;
};

/// Checks an http or https URL, with a path, that is passed on for others to read: no character in it may end
/// or change it where it is printed. Fails with Code::config_invalid.
Result<void> check_url(std::string_view text);

}  // namespace postern::http

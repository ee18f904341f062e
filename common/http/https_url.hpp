// Addresses of HTTP services as people write them, read once, into the one form in which they are compared,
// kept and shown.
#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"
#include "net/plain_stream.hpp"

namespace postern::http {

/// Where a CA service is: "https://ca.example.org:7444".
class HttpsUrl {
public:
    /// Taken are https://host and https://host:port, in any case and with a slash at the end. A path, a
    /// query, a user, a blank, a control character or a port that is none is Code::config_invalid, with what
    /// is wrong and what it looks like.
    static Result<HttpsUrl> parse(std::string_view text);

    const net::Address& address() const noexcept { return address_; }
    /// In normal form: lower case, without the slash, without the port where it is 443 (RFC 3986, section
    /// 6.2.3), IP addresses as the system writes them.
    std::string text() const;
    bool operator==(const HttpsUrl& other) const { return text() == other.text(); }

private:
    explicit HttpsUrl(net::Address address) : address_(std::move(address)) {}
    net::Address address_;
};

/// A URL that is handed on and read by others, http or https, with a path: nothing in it that ends or changes
/// it where it is printed. Code::config_invalid otherwise.
Result<void> check_url(std::string_view text);

}  // namespace postern::http

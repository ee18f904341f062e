// The HTTP proxy of a corporate network as bytes: its address as people write it, the CONNECT that asks it
// for a way through, and its answer, read with a bound. Pure.
#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"
#include "base/secret.hpp"
#include "net/plain_stream.hpp"

namespace postern::client {

struct HttpProxy {
    net::Address address;
    std::string user;
    Secret password;

    bool has_credentials() const noexcept { return !user.empty() || !password.is_empty(); }
    /// host:port, for people and logs: never the credentials.
    std::string text() const { return address.text(); }
};

/// "http://user:password@proxy.example.org:3128". As curl takes it: the scheme may be left out, the port is
/// 1080 when it is, and %40 in user or password is an @. Code::config_invalid for anything else, with no word
/// of the credentials in it.
Result<HttpProxy> parse_proxy(std::string_view url);

/// CONNECT for `target`, with Proxy-Authorization where the proxy has credentials (RFC 9110, sections 9.3.6
/// and 11.7; RFC 7617). A secret as a whole.
Secret connect_request(const HttpProxy& proxy, const net::Address& target);

}  // namespace postern::client

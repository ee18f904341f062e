// An HTTP proxy, without I/O: its address as people write it, and the CONNECT request that asks it for a
// tunnel.
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
    /// The proxy as host:port, for people and logs. It never contains the credentials.
    std::string text() const { return address.text(); }
};

/// Reads a proxy's address as curl does, for example "http://user:password@proxy.example.org:3128": the
/// scheme may be missing, the default port is 1080, and %40 in the user name or password stands for @.
/// Errors: Code::config_invalid, with a detail that contains nothing of the credentials.
Result<HttpProxy> parse_proxy(std::string_view url);

/// Returns the CONNECT request for `target`, with Proxy-Authorization when the proxy has credentials (RFC
/// 9110, sections 9.3.6 and 11.7; RFC 7617). The whole request is a secret.
Secret connect_request(const HttpProxy& proxy, const net::Address& target);

}  // namespace postern::client

// Reads the answer of an HTTP proxy to CONNECT, with a limit on its size. It does no I/O.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <boost/beast/http/message.hpp>

#include "base/result.hpp"

namespace postern::client {

/// Reads the answer in any number of pieces. Errors: Code::unreachable when the proxy refuses or does not
/// answer as an HTTP proxy, with a `detail` for people (lower case, no full stop), which contains nothing
/// that the proxy sent but its status.
class ProxyAnswer {
public:
    using Head = boost::beast::http::response_header<>;

    /// `name` is the proxy's host:port.
    ProxyAnswer(std::string name, bool has_shown_credentials)
        : name_(std::move(name)), has_shown_credentials_(has_shown_credentials) {}

    /// Returns true when the tunnel is open, so that bytes sent from now on reach the target, and false when
    /// more of the answer is needed.
    Result<bool> feed(std::string_view bytes);
    /// Whether the proxy refused because of the user name and password.
    bool is_about_credentials() const noexcept { return is_about_credentials_; }

private:
    Failure judge(const std::optional<Head>& head);

    std::string name_;
    bool has_shown_credentials_;
    bool is_about_credentials_ = false;
    std::string buffer_;
};

}  // namespace postern::client

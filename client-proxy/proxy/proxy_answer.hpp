// What an HTTP proxy answers to CONNECT, read with a bound. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <boost/beast/http/message.hpp>

#include "base/result.hpp"

namespace postern::client {

/// Reads the answer over any number of feeds. Code::unreachable when the proxy refuses, with `detail` for
/// people (lower case, no full stop); nothing that the proxy said but its status goes into it.
class ProxyAnswer {
public:
    using Head = boost::beast::http::response_header<>;

    /// `name` is the proxy's host:port.
    ProxyAnswer(std::string name, bool has_shown_credentials)
        : name_(std::move(name)), has_shown_credentials_(has_shown_credentials) {}

    /// True: the way is open, and what is sent now arrives at the target. False: feed more.
    Result<bool> feed(std::string_view bytes);
    /// Whether the refusal was about the user name and password.
    bool is_about_credentials() const noexcept { return is_about_credentials_; }

private:
    Failure judge(const std::optional<Head>& head);

    std::string name_;
    bool has_shown_credentials_;
    bool is_about_credentials_ = false;
    std::string buffer_;
};

}  // namespace postern::client

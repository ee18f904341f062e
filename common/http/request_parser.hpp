// One HTTP/1.1 request out of bytes, without sockets or clocks (RFC 9112). Refuses what a small server need
// not take, and what makes two parsers disagree: chunked bodies, a CONNECT with content, two Hosts or none.
#pragma once

#include <cstddef>
#include <string_view>

#include <boost/beast/http/message.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>

#include "base/result.hpp"

namespace postern::http {

using Request = boost::beast::http::request<boost::beast::http::string_body>;

class RequestParser {
public:
    enum class Phase { head, body, done };

    RequestParser(std::size_t head_limit_bytes, std::size_t body_limit_bytes);

    /// Takes what it can from the front of `bytes` and says how much that was; offer the rest again with more
    /// behind it. Never takes more than one request. Code::malformed_request or Code::request_too_large,
    /// after which it is done for.
    Result<std::size_t> put(std::string_view bytes);
    Phase phase() const noexcept { return phase_; }
    /// Once the head is there: whether the client waits for 100 Continue before it sends the body (RFC 9110,
    /// section 10.1.1).
    bool expects_continue() const;
    /// The request, once the phase is done.
    Request take();

private:
    Result<void> check_head();

    boost::beast::http::request_parser<boost::beast::http::string_body> parser_;
    Phase phase_ = Phase::head;
};

}  // namespace postern::http

// Parses one HTTP/1.1 request from bytes, without sockets or clocks (RFC 9112). It refuses what a small
// server does not need and what parsers interpret differently: chunked bodies, a CONNECT with content, no
// Host or two of them.
#pragma once

#include <cstddef>
#include <string_view>

#include <boost/beast/http/message.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>

#include "base/result.hpp"

namespace postern::http {

using Request = boost::beast::http::request<boost::beast::http::string_body>;

/// The parser of one request. Not thread-safe.
class RequestParser {
public:
    /// The part of the request that comes next.
    enum class Phase { head, body, done };

    RequestParser(std::size_t head_limit_bytes, std::size_t body_limit_bytes);

    /// Parses the front of `bytes` and returns how many were consumed; offer the rest again with more bytes
    /// behind it. Never consumes more than one request. Fails with Code::malformed_request or
    /// Code::request_too_large, after which the parser cannot be used any more.
    Result<std::size_t> put(std::string_view bytes);
    Phase phase() const noexcept { return phase_; }
    /// Whether the client waits for 100 Continue before it sends the body (RFC 9110, section 10.1.1). Call it
    /// once the head is complete.
    bool expects_continue() const;
    /// The request; call it once the phase is done.
    Request take();

private:
    Result<void> check_head();

    boost::beast::http::request_parser<boost::beast::http::string_body> parser_;
    Phase phase_ = Phase::head;
};

}  // namespace postern::http

#include "http/request_parser.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/beast/core/string.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/field.hpp>
#include <boost/beast/http/verb.hpp>

namespace postern::http {

namespace beast = boost::beast;

RequestParser::RequestParser(std::size_t head_limit_bytes, std::size_t body_limit_bytes) {
    parser_.header_limit(static_cast<std::uint32_t>(head_limit_bytes));
    parser_.body_limit(body_limit_bytes);
    // The head is parsed first, so that it is checked before the body is consumed.
    parser_.eager(false);
}

Result<std::size_t> RequestParser::put(std::string_view bytes) {
    std::size_t taken = 0;
    while (phase_ != Phase::done) {
        beast::error_code error;
        taken += parser_.put(boost::asio::buffer(bytes.data() + taken, bytes.size() - taken), error);
        if (error == beast::http::error::need_more) {
            break;
        }
        if (error == beast::http::error::header_limit || error == beast::http::error::body_limit) {
            return Failure{Code::request_too_large, error.message()};
        }
        if (error) {
            return Failure{Code::malformed_request, error.message()};
        }
        if (phase_ == Phase::head && parser_.is_header_done()) {
            const Result<void> checked = check_head();
            if (!checked) {
                return checked.error();
            }
            phase_ = Phase::body;
        }
        if (parser_.is_done()) {
            phase_ = Phase::done;
        }
        if (taken == bytes.size()) {
            break;
        }
    }
    return taken;
}

Result<void> RequestParser::check_head() {
    const Request& head = parser_.get();
    const auto refuse = [](const char* why) { return Failure{Code::malformed_request, why}; };
    if (head.version() != 11 && head.version() != 10) {
        return refuse("neither HTTP/1.1 nor HTTP/1.0");
    }
    if (head.count(beast::http::field::transfer_encoding) != 0) {
        return refuse("a transfer coding, which is not taken");
    }
    // RFC 9112, section 3.2, allows one Host only.
    const std::size_t hosts = head.count(beast::http::field::host);
    if (hosts > 1) {
        return refuse("more than one Host");
    }
    // A CONNECT names its authority in the request target; clients that send no Host are harmless.
    if (hosts == 0 && head.version() == 11 && head.method() != beast::http::verb::connect) {
        return refuse("HTTP/1.1 without a Host");
    }
    if (head.count(beast::http::field::content_length) > 1) {
        return refuse("more than one Content-Length");
    }
    if (head.method() == beast::http::verb::connect && parser_.content_length().value_or(0) != 0) {
        return refuse("a CONNECT with content");
    }
    return Result<void>();
}

bool RequestParser::expects_continue() const {
    const Request& head = parser_.get();
    return head.version() >= 11 && beast::iequals(head[beast::http::field::expect], "100-continue");
}

Request RequestParser::take() {
    return parser_.release();
}

}  // namespace postern::http

#include "http/answer_parser.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/field.hpp>

namespace postern::http {

namespace beast = boost::beast;

namespace {

Failure too_large(const char* what) {
    return {Code::request_too_large, std::string("the answer is too large: ") + what};
}

Failure malformed(const std::string& what) {
    return {Code::malformed_request, "no answer of HTTP/1.1: " + what};
}

}  // namespace

AnswerParser::AnswerParser(std::size_t body_limit_bytes) : body_limit_(body_limit_bytes) {
    begin();
}

void AnswerParser::begin() {
    parser_.emplace();
    parser_->header_limit(static_cast<std::uint32_t>(kHeadLimit));
    parser_->body_limit(body_limit_);
    // The head is parsed first, so that it is checked before the body is consumed.
    parser_->eager(false);
    is_head_done_ = false;
}

Result<bool> AnswerParser::put(std::string_view bytes) {
    // Without buffered bytes, as for most of a body, the parser reads the new bytes directly.
    const bool is_direct = rest_.empty();
    if (!is_direct) {
        rest_ += bytes;
    }
    const std::string_view offered = is_direct ? bytes : std::string_view(rest_);
    const Result<std::size_t> taken = parse(offered);
    if (!taken) {
        return taken.error();
    }
    if (is_direct) {
        rest_ = offered.substr(taken.value());
    } else {
        rest_.erase(0, taken.value());
    }
    if (parser_->is_done()) {
        return true;
    }
    if (rest_.size() > kHeadLimit) {
        return too_large(is_head_done_ ? "its framing" : "its head");
    }
    return false;
}

Result<std::size_t> AnswerParser::parse(std::string_view bytes) {
    std::size_t taken = 0;
    while (taken < bytes.size() && !parser_->is_done()) {
        beast::error_code error;
        const std::size_t step =
            parser_->put(boost::asio::buffer(bytes.data() + taken, bytes.size() - taken), error);
        taken += step;
        taken_ += step;
        // The parser's own limit covers one head, but interim answers may precede it.
        if (!is_head_done_) {
            head_bytes_ += step;
        }
        if (head_bytes_ > kHeadLimit || error == beast::http::error::header_limit) {
            return too_large("its head");
        }
        if (error == beast::http::error::body_limit) {
            return too_large("its body");
        }
        if (taken_ > 2 * body_limit_ + kHeadLimit) {
            return too_large("with its framing");
        }
        if (error == beast::http::error::need_more) {
            break;
        }
        if (error) {
            return malformed(error.message());
        }
        if (!is_head_done_ && parser_->is_header_done()) {
            const Result<bool> is_final = check_head();
            if (!is_final) {
                return is_final.error();
            }
            is_head_done_ = true;
            if (!is_final.value()) {
                begin();
            }
        }
    }
    return taken;
}

Result<bool> AnswerParser::check_head() {
    const Answer& head = parser_->get();
    const unsigned status = head.result_int();
    if (status < 100 || status > 599) {
        return malformed("status " + std::to_string(status));
    }
    // This client never asks for another protocol.
    if (status == 101) {
        return malformed("it switches protocols");
    }
    if (status < 200) {
        return false;
    }
    if (head.count(beast::http::field::transfer_encoding) != 0 && !parser_->chunked()) {
        return malformed("a transfer coding that was not asked for");
    }
    return true;
}

Result<bool> AnswerParser::put_end() {
    if (parser_->is_done()) {
        return true;
    }
    const bool ends_body = is_head_done_ && rest_.empty() && parser_->need_eof();
    if (ends_body) {
        beast::error_code error;
        parser_->put_eof(error);
        if (!error) {
            return true;
        }
    }
    return Failure{Code::end_of_stream, "the connection ended before the whole answer was there"};
}

}  // namespace postern::http

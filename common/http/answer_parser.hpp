// One HTTP/1.1 answer out of bytes, without sockets or clocks (RFC 9112), for a client that does not know yet
// whom it asks. Whatever the shape of the answer, what is kept and what is read of it has a bound: the head
// with the interim answers before it, a chunk's extension, the trailers, the body, and all of it together.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include <boost/beast/http/message.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>

#include "base/result.hpp"

namespace postern::http {

using Answer = boost::beast::http::response<boost::beast::http::string_body>;

class AnswerParser {
public:
    /// Of the head, and of each piece of framing behind it.
    static constexpr std::size_t kHeadLimit = 16U << 10;

    /// `body_limit_bytes` without the framing, which may take as much again.
    explicit AnswerParser(std::size_t body_limit_bytes);

    /// Code::malformed_request or Code::request_too_large, after which it is done for. True once the answer
    /// is there as a whole.
    Result<bool> put(std::string_view bytes);
    /// The peer's orderly end: true where that ends the body. Code::end_of_stream in the middle of an answer.
    Result<bool> put_end();

    bool has_begun() const noexcept { return taken_ > 0 || !rest_.empty(); }
    /// Of the body, so far.
    std::size_t body_bytes() const { return parser_->get().body().size(); }
    /// Whether the server takes another request on this connection: it said so, and nothing follows the
    /// answer.
    bool keeps_connection() const { return rest_.empty() && parser_->keep_alive(); }
    /// The answer, once it is there.
    Answer take() { return parser_->release(); }

private:
    using Parser = boost::beast::http::response_parser<boost::beast::http::string_body>;

    void begin();
    Result<std::size_t> parse(std::string_view bytes);
    /// After the head: false where it is one of an interim answer.
    Result<bool> check_head();

    const std::size_t body_limit_;
    std::optional<Parser> parser_;
    bool is_head_done_ = false;
    /// What the parser has not taken yet, for want of what follows it.
    std::string rest_;
    /// By the parser: of all, and of heads.
    std::size_t taken_ = 0;
    std::size_t head_bytes_ = 0;
};

}  // namespace postern::http

// Parses one HTTP/1.1 answer from bytes, without sockets or clocks (RFC 9112), for a client that has not
// authenticated its server yet. Everything that is read or kept is bounded: the head including interim
// answers before it, a chunk's extension, the trailers, the body, and the total.
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

/// The parser of one answer. Not thread-safe.
class AnswerParser {
public:
    /// The most bytes of the head, and of each piece of framing after it.
    static constexpr std::size_t kHeadLimit = 16U << 10;

    /// `body_limit_bytes` limits the body without its framing, which may take as many bytes again.
    explicit AnswerParser(std::size_t body_limit_bytes);

    /// Takes the next bytes and returns whether the answer is complete. Fails with Code::malformed_request or
    /// Code::request_too_large, after which the parser cannot be used any more.
    Result<bool> put(std::string_view bytes);
    /// Handles the peer's orderly end. True if it completes the answer; fails with Code::end_of_stream in the
    /// middle of one.
    Result<bool> put_end();

    bool has_begun() const noexcept { return taken_ > 0 || !rest_.empty(); }
    /// The bytes of the body that have arrived.
    std::size_t body_bytes() const { return parser_->get().body().size(); }
    /// Whether the connection can be used for another request: the server allows it, and no bytes follow the
    /// answer.
    bool keeps_connection() const { return rest_.empty() && parser_->keep_alive(); }
    /// The answer; call it once the answer is complete.
    Answer take() { return parser_->release(); }

private:
    using Parser = boost::beast::http::response_parser<boost::beast::http::string_body>;

    void begin();
    Result<std::size_t> parse(std::string_view bytes);
    /// Checks the head once it is complete. False for the head of an interim answer.
    Result<bool> check_head();

    const std::size_t body_limit_;
    std::optional<Parser> parser_;
    bool is_head_done_ = false;
    /// Bytes that the parser has not consumed, because it needs those that follow.
    std::string rest_;
    /// The bytes that the parser consumed: in total, and of heads.
    std::size_t taken_ = 0;
    std::size_t head_bytes_ = 0;
};

}  // namespace postern::http

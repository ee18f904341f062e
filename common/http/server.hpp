// A small bounded HTTP/1.1 server on net: Beast parses, every read has a deadline, every size a limit.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include <boost/asio/awaitable.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/string_body.hpp>

#include "base/result.hpp"
#include "http/problem.hpp"
#include "http/request_parser.hpp"
#include "net/byte_stream.hpp"

namespace postern::http {

struct Response : boost::beast::http::response<boost::beast::http::string_body> {
    /// In place of the body, where many get the same: sent from where it is, however many are under way.
    std::shared_ptr<const std::string> shared_body;
    /// The answer to a HEAD: the length of the body is told, and the body is not sent.
    bool omits_body = false;
};

struct RequestLimits {
    std::size_t head_bytes = 8 * 1024;
    std::size_t body_bytes = 64 * 1024;
    std::chrono::milliseconds head_timeout = std::chrono::seconds(10);
    std::chrono::milliseconds body_timeout = std::chrono::seconds(10);
    /// Between requests on a connection that is kept alive.
    std::chrono::milliseconds idle_timeout = std::chrono::seconds(30);
};

/// Reads requests one after another from a stream and keeps what came behind the last one.
class RequestReader {
public:
    /// `stream` must outlive the reader, which writes nothing to it but 100 Continue, where a client asks for
    /// that before it sends a body.
    RequestReader(net::ByteStream& stream, RequestLimits limits);
    /// The next whole request. end_of_stream when the peer closed between requests; timed_out,
    /// malformed_request or request_too_large otherwise; the stream is then good for an answer that says so,
    /// but not for another request. For CONNECT the body is empty and what follows the head is take_rest().
    /// `first_byte_timeout` bounds the wait for the first byte; head_timeout runs from that byte.
    boost::asio::awaitable<Result<Request>> next(std::chrono::milliseconds first_byte_timeout);
    /// Whether next() stopped before a byte of a request had come.
    bool is_between_requests() const noexcept { return is_between_requests_; }
    /// Bytes that arrived behind the last request, at most 24 KiB; taken by the call.
    std::string take_rest();

private:
    /// Appends what is there to the buffer. False at the orderly end.
    Result<bool> fill();

    net::ByteStream& stream_;
    RequestLimits limits_;
    std::string buffer_;
    bool is_between_requests_ = true;
};

/// Writes the response with Content-Length, Server "postern/<version>" and, unless it has one, Date. When
/// `timeout` ends the stream is cancelled: Code::timed_out. It begins anew with each 128 KiB that the peer
/// has taken of a shared body.
boost::asio::awaitable<Result<void>> write_response(
    net::ByteStream& stream, Response response, std::chrono::milliseconds timeout = std::chrono::seconds(10));
/// The answer to a CONNECT that was let in: "200 Connection Established" with Postern-Connection and no
/// Content-Length (RFC 9110, section 9.3.6). What follows is the tunnel.
boost::asio::awaitable<Result<void>> write_connected(
    net::ByteStream& stream, std::string connection_id,
    std::chrono::milliseconds timeout = std::chrono::seconds(10));

/// application/json, not to be cached; HTTP/1.1.
Response json_response(unsigned status, std::string body);
/// A problem response (RFC 9457) for the failure; the Failure's detail is not in it.
Response problem_response(const Problem& problem);

}  // namespace postern::http

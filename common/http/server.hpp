// Reads requests from and writes responses to a stream, as a small HTTP/1.1 server. Beast parses; every read
// has a deadline and every size a limit.
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

/// A response. A body may be shared between many of them.
struct Response : boost::beast::http::response<boost::beast::http::string_body> {
    /// Sent instead of the body, without a copy, when many clients get the same body.
    std::shared_ptr<const std::string> shared_body;
    /// For the answer to a HEAD: the length of the body is sent, but not the body.
    bool omits_body = false;
};

/// The limits of reading requests.
struct RequestLimits {
    std::size_t head_bytes = 8 * 1024;
    std::size_t body_bytes = 64 * 1024;
    std::chrono::milliseconds head_timeout = std::chrono::seconds(10);
    std::chrono::milliseconds body_timeout = std::chrono::seconds(10);
    /// Between requests on a connection that is kept alive.
    std::chrono::milliseconds idle_timeout = std::chrono::seconds(30);
};

/// Reads requests one after another from a stream, and keeps the bytes that follow the last one. Used on the
/// stream's thread.
class RequestReader {
public:
    /// `stream` must outlive the reader. The reader writes nothing to it but 100 Continue, if a client asks
    /// for that before it sends a body.
    RequestReader(net::ByteStream& stream, RequestLimits limits);
    /// Reads the next complete request. Fails with end_of_stream when the peer has closed, and with
    /// timed_out, malformed_request or request_too_large; after these three the stream can carry an answer,
    /// but no further request. For CONNECT the body is empty, and take_rest() returns the bytes after the
    /// head. `first_byte_timeout` limits the wait for the first byte, from which head_timeout runs.
    boost::asio::awaitable<Result<Request>> next(std::chrono::milliseconds first_byte_timeout);
    /// Whether next() ended before the first byte of a request.
    bool is_between_requests() const noexcept { return is_between_requests_; }
    /// Removes and returns the bytes that arrived after the last request: at most 16 KiB more than the head
    /// limit.
    std::string take_rest();

private:
    /// Appends the bytes that are available to the buffer. False at the orderly end.
    Result<bool> fill();

    net::ByteStream& stream_;
    RequestLimits limits_;
    std::string buffer_;
    bool is_between_requests_ = true;
};

/// Writes the response with Content-Length, Server "postern/<version>" and, unless it is set, Date. When
/// `timeout` ends, the stream is cancelled: Code::timed_out. The timeout restarts each time that the peer has
/// accepted another 64 KiB.
boost::asio::awaitable<Result<void>> write_response(
    net::ByteStream& stream, Response response, std::chrono::milliseconds timeout = std::chrono::seconds(10));
/// Writes the answer to an accepted CONNECT: "200 Connection Established" with Postern-Connection and without
/// Content-Length (RFC 9110, section 9.3.6). The tunnel follows it.
boost::asio::awaitable<Result<void>> write_connected(
    net::ByteStream& stream, std::string connection_id,
    std::chrono::milliseconds timeout = std::chrono::seconds(10));

/// An HTTP/1.1 response with application/json that must not be cached.
Response json_response(unsigned status, std::string body);
/// A problem response (RFC 9457) with the status of the problem's code.
Response problem_response(const Problem& problem);

}  // namespace postern::http

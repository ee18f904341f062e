#include "http/server.hpp"

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <utility>

#include <boost/asio/buffers_iterator.hpp>
#include <boost/beast/http/field.hpp>
#include <boost/beast/http/serializer.hpp>
#include <boost/beast/http/status.hpp>

#include "base/clock.hpp"
#include "base/process.hpp"
#include "base/reason.hpp"
#include "http/http_date.hpp"
#include "net/buffer_pool.hpp"
#include "net/deadline_timer.hpp"

namespace postern::http {

namespace asio = boost::asio;
namespace beast = boost::beast;

namespace {

constexpr std::size_t kReadBytes = 16 * 1024;

net::Bytes as_bytes(const std::string& text) {
    return net::Bytes(reinterpret_cast<const unsigned char*>(text.data()), text.size());
}

std::string serialize(Response& response) {
    std::string text;
    beast::http::response_serializer<beast::http::string_body> serializer(response);
    beast::error_code error;
    while (!serializer.is_done() && !error) {
        serializer.next(error, [&](beast::error_code&, const auto& buffers) {
            const std::size_t size = asio::buffer_size(buffers);
            text.append(asio::buffers_begin(buffers), asio::buffers_end(buffers));
            serializer.consume(size);
        });
    }
    return text;
}

/// The timeout of writing restarts after each such block, so that a peer which makes progress gets as long as
/// it needs.
constexpr std::size_t kProgressBytes = 64 * 1024;

/// Writes `text` and then `rest`, which may be null.
asio::awaitable<Result<void>> write_text(net::ByteStream& stream, std::string text,
                                         std::shared_ptr<const std::string> rest,
                                         std::chrono::milliseconds timeout) {
    std::optional<net::DeadlineTimer> deadline;
    const auto cancel = [&stream] { stream.cancel(); };
    deadline.emplace(stream.executor(), timeout, cancel);
    std::array<net::Bytes, 2> parts;
    parts[0] = as_bytes(text);
    if (rest != nullptr) {
        parts[1] = as_bytes(*rest);
    }
    Result<void> written;
    for (net::Bytes left : parts) {
        while (written && !left.empty()) {
            const std::size_t size = std::min(left.size(), kProgressBytes);
            written = co_await stream.write_all(left.first(size));
            left = left.subspan(size);
            if (written && !deadline->has_passed()) {
                deadline.emplace(stream.executor(), timeout, cancel);
            }
        }
    }
    if (deadline->has_passed()) {
        co_return Failure{Code::timed_out, "the peer did not take the answer"};
    }
    co_return written;
}

asio::awaitable<Result<void>> tell_to_continue(net::ByteStream& stream, std::chrono::milliseconds timeout) {
    std::string text = "HTTP/1.1 100 Continue\r\n\r\n";
    std::shared_ptr<const std::string> nothing;
    co_return co_await write_text(stream, std::move(text), std::move(nothing), timeout);
}

}  // namespace

RequestReader::RequestReader(net::ByteStream& stream, RequestLimits limits)
    : stream_(stream), limits_(limits) {}

asio::awaitable<Result<Request>> RequestReader::next(std::chrono::milliseconds first_byte_timeout) {
    RequestParser parser(limits_.head_bytes, limits_.body_bytes);
    // After a wake the stream can still carry the answer that reports the timeout.
    const auto wake = [this] { stream_.wake(); };
    std::optional<net::DeadlineTimer> deadline;
    deadline.emplace(stream_.executor(), first_byte_timeout, wake);
    is_between_requests_ = true;
    for (;;) {
        if (!buffer_.empty()) {
            if (is_between_requests_) {
                is_between_requests_ = false;
                deadline.emplace(stream_.executor(), limits_.head_timeout, wake);
            }
            const bool was_head = parser.phase() == RequestParser::Phase::head;
            const Result<std::size_t> taken = parser.put(buffer_);
            if (!taken) {
                co_return taken.error();
            }
            buffer_.erase(0, taken.value());
            if (parser.phase() == RequestParser::Phase::done) {
                co_return parser.take();
            }
            if (was_head && parser.phase() == RequestParser::Phase::body) {
                if (buffer_.empty() && parser.expects_continue()) {
                    // The stream must not be woken while it writes.
                    deadline.reset();
                    Result<void> told = co_await tell_to_continue(stream_, limits_.body_timeout);
                    if (!told) {
                        co_return told.error();
                    }
                }
                deadline.emplace(stream_.executor(), limits_.body_timeout, wake);
            }
        }
        if (deadline->has_passed()) {
            break;
        }
        Result<void> ready = co_await stream_.wait_readable();
        if (deadline->has_passed()) {
            break;
        }
        if (!ready) {
            co_return ready.error();
        }
        const Result<bool> filled = fill();
        if (!filled) {
            co_return filled.error();
        }
        if (!filled.value()) {
            const char* where = is_between_requests_ ? "closed between requests" : "closed inside a request";
            co_return Failure{Code::end_of_stream, where};
        }
    }
    const char* where = is_between_requests_                           ? "no request came"
                        : parser.phase() == RequestParser::Phase::head ? "the request head took too long"
                                                                       : "the request body took too long";
    co_return Failure{Code::timed_out, where};
}

Result<bool> RequestReader::fill() {
    net::BorrowedBuffer space;
    const Result<std::optional<std::size_t>> got = stream_.try_read(space.bytes().first(kReadBytes));
    if (!got) {
        return got.error();
    }
    if (!got.value()) {
        return true;
    }
    buffer_.append(reinterpret_cast<const char*>(space.bytes().data()), *got.value());
    return *got.value() > 0;
}

std::string RequestReader::take_rest() {
    return std::exchange(buffer_, std::string());
}

asio::awaitable<Result<void>> write_response(net::ByteStream& stream, Response response,
                                             std::chrono::milliseconds timeout) {
    response.version(11);
    response.set(beast::http::field::server, "postern/" + std::string(version()));
    // A desktop with a wrong clock corrects itself by this (RFC 9110, section 6.6.1).
    if (response.count(beast::http::field::date) == 0) {
        response.set(beast::http::field::date, to_http_date(system_clock()()));
    }
    const auto status = response.result();
    const bool is_bodiless =
        status == beast::http::status::no_content || status == beast::http::status::not_modified;
    if (is_bodiless) {
        response.body().clear();
        response.shared_body.reset();
    }
    response.prepare_payload();
    std::shared_ptr<const std::string> shared = std::move(response.shared_body);
    if (shared != nullptr) {
        response.content_length(shared->size());
    }
    if (response.omits_body) {
        response.body().clear();
        shared.reset();
    }
    std::string text = serialize(response);
    co_return co_await write_text(stream, std::move(text), std::move(shared), timeout);
}

asio::awaitable<Result<void>> write_connected(net::ByteStream& stream, std::string connection_id,
                                              std::chrono::milliseconds timeout) {
    // The answer to a CONNECT must not have a Content-Length (RFC 9110, section 9.3.6).
    Response response;
    response.version(11);
    response.result(200);
    response.reason("Connection Established");
    response.set(beast::http::field::server, "postern/" + std::string(version()));
    response.set("Postern-Connection", connection_id);
    std::string text = serialize(response);
    std::shared_ptr<const std::string> nothing;
    co_return co_await write_text(stream, std::move(text), std::move(nothing), timeout);
}

Response json_response(unsigned status, std::string body) {
    Response response;
    response.version(11);
    response.result(status);
    response.set(beast::http::field::content_type, "application/json");
    response.set(beast::http::field::cache_control, "no-store");
    response.body() = std::move(body);
    return response;
}

Response problem_response(const Problem& problem) {
    Response response = json_response(reason_of(problem.code).http_status, to_json(problem));
    response.set(beast::http::field::content_type, "application/problem+json");
    if (!problem.connection_id.empty()) {
        response.set("Postern-Connection", problem.connection_id);
    }
    return response;
}

}  // namespace postern::http

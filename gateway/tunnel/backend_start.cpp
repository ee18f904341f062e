#include "gateway/tunnel/backend_start.hpp"

#include <array>
#include <functional>

#include "net/deadline_timer.hpp"

namespace postern::gateway {

namespace {

/// SSLRequest: the length 8, then the code 80877103.
constexpr std::array<unsigned char, 8> kSslRequest{0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f};

Failure backend_failure(const Failure& failure, bool has_timed_out) {
    if (has_timed_out) {
        return Failure{Code::backend_timed_out, "no answer to SSLRequest"};
    }
    if (failure.code == Code::cancelled || failure.code == Code::out_of_resources) {
        return failure;
    }
    return Failure{Code::backend_unreachable, failure.detail};
}

}  // namespace

boost::asio::awaitable<Result<void>> start_backend_tls(net::ByteStream& backend,
                                                       std::chrono::milliseconds timeout) {
    const std::function<void()> cut = [&backend] { backend.cancel(); };
    const net::DeadlineTimer deadline(backend.executor(), timeout, cut);
    const net::Bytes request(kSslRequest);
    auto written = co_await backend.write_all(request);
    if (!written) {
        co_return backend_failure(written.error(), deadline.has_passed());
    }
    // There is room for two bytes. A server sends one here; a second one could come from an attacker in
    // between.
    std::array<unsigned char, 2> answer{};
    const net::Buffer room(answer);
    auto got = co_await backend.read_some(room);
    if (!got) {
        co_return backend_failure(got.error(), deadline.has_passed());
    }
    if (*got == 0) {
        co_return Failure{Code::backend_unreachable, "the server closed instead of answering SSLRequest"};
    }
    // This is an ErrorResponse, for example of a server that could not start a process, or of a pooler that
    // is full. Its text is not used, because it came in plain text and anybody may have sent it (PostgreSQL
    // manual, "SSL Session Encryption").
    if (answer[0] == 'E') {
        co_return Failure{Code::backend_unreachable, "the server answered SSLRequest with an error"};
    }
    if (*got > 1) {
        co_return Failure{Code::backend_refused_tls, "bytes behind the answer to SSLRequest"};
    }
    if (answer[0] != 'S') {
        co_return Failure{Code::backend_refused_tls, answer[0] == 'N'
                                                         ? "the server has no TLS"
                                                         : "the server does not speak PostgreSQL"};
    }
    co_return Result<void>();
}

}  // namespace postern::gateway

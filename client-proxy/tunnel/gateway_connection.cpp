#include "client-proxy/tunnel/gateway_connection.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <fmt/format.h>

#include "base/connection_id.hpp"
#include "base/process.hpp"
#include "client-proxy/proxy/proxied_dial.hpp"
#include "client-proxy/refusal/ca_clock.hpp"
#include "net/address.hpp"
#include "net/deadline_timer.hpp"
#include "pki/identity.hpp"
#include "pki/validity.hpp"

namespace postern::client {

namespace asio = boost::asio;
namespace http = boost::beast::http;

namespace {

constexpr std::size_t kMostHeadBytes = 8 * 1024;
constexpr std::size_t kMostBodyBytes = 256 * 1024;
/// The longest time that sent bytes may stay unacknowledged; tunnels survive a network outage of up to a
/// minute.
constexpr std::chrono::seconds kUnconfirmed{60};
constexpr net::PlainStream::Liveness kLiveness{std::chrono::seconds(30), std::chrono::seconds(10), 3,
                                               kUnconfirmed};
/// The same for a connection that stood unused; it is shorter, so that a dead connection is found soon.
constexpr std::chrono::milliseconds kWarmConfirmation{1500};

/// The server name for SNI, which must not be an IP address (RFC 6066, section 3).
std::string server_name_of(const std::string& host) {
    return net::is_ip_address(host) ? std::string() : host;
}

/// Refines a gateway's TLS alert by the times of the login certificate, judged by the CA's clock, because
/// such alerts say less.
Code judged_here(const Login& login, Code alert) {
    if (alert != Code::malformed_certificate && alert != Code::tls_failed) {
        return alert;
    }
    const auto now = ca_clock().now();
    if (pki::is_too_early(login.certificate().not_before(), now)) {
        return Code::not_yet_valid;
    }
    return pki::is_over(login.not_after(), now) ? Code::expired : alert;
}

}  // namespace

GatewayConnection::GatewayConnection(GatewayEntry gateway, LoginPtr login, net::TlsStream tls)
    : gateway_(std::move(gateway)), login_(std::move(login)), tls_(std::move(tls)) {}

asio::awaitable<Outcome<std::unique_ptr<GatewayConnection>>> GatewayConnection::open(GatewayEntry gateway,
                                                                                     LoginPtr login,
                                                                                     net::Deadline deadline) {
    auto address = net::parse_address(gateway.address);
    if (!address) {
        co_return gateway_refusal(address.error(), gateway.name);
    }
    const std::string server_name = server_name_of(address->host);
    net::Address where = *std::move(address);
    std::string name = gateway.name;
    auto dialled = co_await dial_gateway(std::move(where), std::move(name), deadline);
    if (!dialled) {
        co_return dialled.error();
    }
    dialled->expect(kLiveness);
    net::TlsStream tls(*std::move(dialled), login->gateway_tls(), net::TlsStream::Role::client, server_name);
    std::unique_ptr<GatewayConnection> connection(
        new GatewayConnection(std::move(gateway), std::move(login), std::move(tls)));
    auto* const raw = connection.get();
    std::function<void()> cut = [raw] { raw->cancel(); };
    const net::DeadlineTimer timer(raw->executor(), deadline, std::move(cut));
    const auto done = co_await raw->tls_.handshake();
    if (!done) {
        co_return gateway_refusal(done.error(), raw->gateway());
    }
    const auto peer = raw->tls_.peer();
    const Result<void> is_it =
        peer.certificate ? pki::check_server_identity(*peer.certificate, raw->login_->trust_domain(),
                                                      pki::ServerKind::gateway, raw->gateway())
                         : Result<void>(Failure{Code::wrong_server_identity, "no certificate"});
    if (!is_it) {
        co_return gateway_refusal(is_it.error(), raw->gateway());
    }
    co_return std::move(connection);
}

asio::awaitable<Outcome<Admittance>> GatewayConnection::connect(TunnelOrder order,
                                                                std::chrono::milliseconds timeout) {
    std::string request =
        fmt::format("CONNECT {0}:5432 HTTP/1.1\r\nHost: {0}:5432\r\nUser-Agent: postern/{1}\r\n",
                    order.service, version());
    if (order.starts_postgres_tls) {
        request += "Postern-Backend-Start: postgres-tls\r\n";
    }
    if (!order.cancel_of.empty()) {
        request += fmt::format("Postern-Cancel-Of: {}\r\n", order.cancel_of);
    }
    if (!order.claims.program.empty()) {
        request += fmt::format("Postern-Client-Program: {}\r\n", order.claims.program);
    }
    if (order.claims.is_probe) {
        request += "Postern-Purpose: probe\r\n";
    }
    request += "\r\n";
    request += order.first_bytes;
    std::string once;
    if (order.once) {
        once = order.once();
        request += once;
    }
    auto answer = co_await ask(std::move(request), true, timeout);
    if (!answer) {
        may_have_passed_on_ =
            !once.empty() && !has_ended_in_order_ && !is_certificate_verdict(answer.error().code);
        // A TLS alert has its own message, whatever it is about.
        if (may_have_passed_on_ && answer.error().code != Code::tls_failed) {
            co_return unanswered_refusal(answer.error().code, gateway_.name);
        }
        co_return answer.error();
    }
    if (answer->status != 200) {
        co_return refusal_in(*answer);
    }
    Admittance admittance{std::move(answer->connection_id), once.size()};
    co_return std::move(admittance);
}

asio::awaitable<Outcome<std::string>> GatewayConnection::get(std::string path,
                                                             std::chrono::milliseconds timeout) {
    std::string request =
        fmt::format("GET {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: postern/{}\r\nConnection: close\r\n\r\n",
                    path, gateway_.name, version());
    auto answer = co_await ask(std::move(request), false, timeout);
    if (!answer) {
        co_return answer.error();
    }
    if (answer->status != 200) {
        co_return refusal_in(*answer);
    }
    co_return std::move(answer->body);
}

asio::awaitable<Outcome<GatewayConnection::Answer>> GatewayConnection::ask(
    std::string request, bool opens_tunnel, std::chrono::milliseconds timeout) {
    if (is_warm_) {
        tls_.socket().expect_confirmation_within(kWarmConfirmation);
    }
    std::function<void()> cut = [this] { cancel(); };
    const net::DeadlineTimer deadline(executor(), timeout, std::move(cut));
    const net::Bytes bytes(reinterpret_cast<const unsigned char*>(request.data()), request.size());
    const auto written = co_await tls_.write_all(bytes);
    // The answer is read even after a failed write: the alert with the gateway's verdict on the certificate
    // may have arrived.
    auto answer = co_await read_answer(opens_tunnel);
    if (!answer) {
        const bool is_reading_to_blame = written || answer.error().code != Code::cancelled;
        const Failure failure = is_reading_to_blame ? answer.error() : written.error();
        co_return verdict(deadline.has_passed() ? Failure{Code::timed_out, {}} : failure);
    }
    if (opens_tunnel && answer->status == 200) {
        // A backend that reads nothing for longer than this is not a dead network; see end_if_silent().
        tls_.socket().expect_confirmation_within(std::chrono::milliseconds(0));
    } else if (is_warm_) {
        tls_.socket().expect_confirmation_within(kUnconfirmed);
    }
    co_return *std::move(answer);
}

/// Beast parses only the head. What follows it is the tunnel, or a body of the length that the head names.
asio::awaitable<Result<GatewayConnection::Answer>> GatewayConnection::read_answer(bool opens_tunnel) {
    http::response_parser<http::empty_body> parser;
    parser.header_limit(kMostHeadBytes);
    parser.body_limit(kMostBodyBytes);
    parser.skip(true);
    while (!parser.is_header_done()) {
        if (!rest_.empty()) {
            boost::system::error_code error;
            const std::size_t used = parser.put(asio::buffer(rest_), error);
            rest_.erase(0, used);
            if (error && error != http::error::need_more) {
                co_return Failure{Code::malformed_request, "the gateway's answer: " + error.message()};
            }
            if (!error) {
                continue;
            }
        }
        const auto more = co_await read_more();
        if (!more) {
            co_return more.error();
        }
    }
    Answer answer;
    answer.status = parser.get().result_int();
    const auto id = std::string(parser.get()["Postern-Connection"]);
    answer.connection_id = is_connection_id(id) ? id : std::string();
    if (opens_tunnel && answer.status == 200) {
        co_return std::move(answer);
    }
    const std::size_t length = static_cast<std::size_t>(
        std::min<std::uint64_t>(parser.content_length().value_or(0), kMostBodyBytes));
    while (rest_.size() < length) {
        const auto more = co_await read_more();
        if (!more) {
            co_return more.error();
        }
    }
    answer.body = rest_.substr(0, length);
    rest_.erase(0, length);
    co_return std::move(answer);
}

asio::awaitable<Result<void>> GatewayConnection::read_more() {
    std::array<unsigned char, 4096> block{};
    const net::Buffer into(block);
    const auto got = co_await tls_.read_some(into);
    if (!got) {
        co_return got.error();
    }
    if (*got == 0) {
        has_ended_in_order_ = !has_heard_;
        co_return Failure{Code::end_of_stream, "the gateway closed before its answer was whole"};
    }
    has_heard_ = true;
    rest_.append(reinterpret_cast<const char*>(block.data()), *got);
    co_return Result<void>();
}

void GatewayConnection::end_if_silent(std::chrono::steady_clock::time_point now) noexcept {
    if (answers_.is_silent(tls_.socket().answers(), now, kUnconfirmed)) {
        tls_.socket().abort();
    }
}

bool GatewayConnection::is_quiet() noexcept {
    return tls_.socket().is_silent() && SSL_has_pending(tls_.native()) == 0;
}

Refusal GatewayConnection::verdict(Failure failure) const {
    failure.code = judged_here(*login_, failure.code);
    return gateway_verdict(failure, gateway_.name);
}

Refusal GatewayConnection::refusal_in(const Answer& answer) const {
    Refusal refusal;
    if (auto problem = postern::http::problem_from_json(answer.body)) {
        refusal = refusal_of(*problem);
    } else {
        refusal = {Code::internal,
                   fmt::format("the gateway {} answered with status {}", gateway_.name, answer.status),
                   "Check that the address of the gateway in the CA's catalogue is right.",
                   {}};
    }
    if (refusal.connection_id.empty()) {
        refusal.connection_id = answer.connection_id;
    }
    return refusal;
}

void GatewayConnection::when_readable(net::ReadyListenerPtr listener) {
    if (rest_.empty()) {
        tls_.when_readable(std::move(listener));
    } else {
        tell_soon(std::move(listener), Result<void>());
    }
}

Result<std::optional<std::size_t>> GatewayConnection::try_read(net::Buffer into) {
    if (rest_.empty()) {
        return tls_.try_read(into);
    }
    const std::size_t count = std::min(into.size(), rest_.size());
    std::memcpy(into.data(), rest_.data(), count);
    rest_.erase(0, count);
    if (rest_.empty()) {
        rest_.shrink_to_fit();
    }
    return std::optional<std::size_t>(count);
}

asio::awaitable<Result<void>> GatewayConnection::shutdown_send() {
    return tls_.shutdown_send();
}

}  // namespace postern::client

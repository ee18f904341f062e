#include "gateway/tunnel/connection.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <boost/beast/http/verb.hpp>
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "base/connection_id.hpp"
#include "base/log.hpp"
#include "gateway/policy/authorize.hpp"
#include "gateway/tunnel/answers.hpp"
#include "gateway/tunnel/client_connection.hpp"
#include "gateway/tunnel/records.hpp"
#include "gateway/tunnel/tunnel.hpp"
#include "gateway/tunnel/tunnel_request.hpp"
#include "http/server.hpp"
#include "net/deadline_timer.hpp"
#include "net/lingering_close.hpp"

namespace postern::gateway {

namespace {

constexpr std::string_view kConnections = "/v1/connections/";
/// A laptop may sleep for a quarter of an hour and find its tunnels open. The time that sent data may stay
/// unacknowledged is not bounded: a psql that is stopped in the middle of a large result, or whose pager
/// waits, may continue an hour later, as it may without a gateway.
constexpr net::PlainStream::Liveness kLiveness{std::chrono::seconds(60), std::chrono::seconds(60), 14,
                                               std::nullopt};

std::string_view message_of(Code code) {
    switch (code) {
        case Code::no_certificate:
            return "The client showed no certificate.";
        case Code::unknown_issuer:
            return "The client's certificate is of an authority that this gateway does not trust.";
        case Code::self_signed:
            return "The client's certificate is self-signed.";
        case Code::expired:
            return "The client's certificate has expired.";
        case Code::not_yet_valid:
            return "The client's certificate is not valid yet.";
        case Code::wrong_purpose:
            return "The client's certificate is not for client authentication.";
        case Code::malformed_certificate:
            return "The client's certificate is malformed.";
        case Code::tls_version:
            return "The client does not speak TLS 1.3.";
        case Code::not_tls:
            return "What came was not TLS.";
        case Code::end_of_stream:
            return "The client left before the TLS handshake was done.";
        case Code::timed_out:
            return "The TLS handshake was not done in time.";
        case Code::limit_reached:
            return "Cut to make room: too many connections were waiting to be let in.";
        case Code::shutting_down:
            return "The gateway is shutting down.";
        default:
            return "The TLS handshake failed.";
    }
}

/// Returns the budget of records for a failed handshake. A certificate's times are checked only after the
/// user CA's signature on it, while its purpose is checked before, so a forged certificate can fail for its
/// purpose. A client with an expired certificate has not proven to hold its key: it may be a user's desktop
/// that is late, or anybody with a copy.
RecordBudget& budget_of(Shared& shared, Code reason) {
    const bool is_out_of_time = reason == Code::expired || reason == Code::not_yet_valid;
    return is_out_of_time ? shared.untimely_certificates : shared.failed_handshakes;
}

/// Records a failed handshake, after the TLS alert was sent. Nobody was let in, so the record need not be
/// written in any case: beyond the budget, and while the audit log cannot be written, failures are counted
/// and reported together.
boost::asio::awaitable<void> reject_handshake(ClientConnection& connection, Failure failure) {
    const bool is_probe = failure.code == Code::end_of_stream || failure.code == Code::timed_out;
    if (is_probe && !connection.client.has_heard()) {
        connection.worker.shared.silent.note();
        co_return;
    }
    RecordBudget& budget = budget_of(connection.worker.shared, failure.code);
    if (!budget.take(std::chrono::steady_clock::now())) {
        co_return;
    }
    const audit::Stage judged = stage_of(failure.code);
    const audit::Stage stage =
        judged == audit::Stage::certificate || judged == audit::Stage::limit ? judged : audit::Stage::tls;
    spdlog::info("event=connection.rejected id={} source={} stage={} reason={} detail={}", connection.id,
                 connection.source.text(), audit::name(stage), name(failure.code),
                 quoted(failure.detail, 512));
    std::string message(message_of(failure.code));
    audit::Record record =
        rejected_record(connection.id, connection.source, failure.code, stage, std::move(message));
    if (const auto certificate = connection.client.rejected_certificate()) {
        name_claim(record, *certificate);
    }
    const auto appended = co_await append(connection.worker, std::move(record));
    if (!appended) {
        budget.leave_out();
    }
}

/// Does the TLS handshake and determines the client's identity. Returns false when the connection has ended.
/// The connection counts as undecided until this returns.
boost::asio::awaitable<bool> greet(ClientConnection& connection, net::FairTurns::Member& turns,
                                   [[maybe_unused]] Counted undecided) {
    const SnapshotPtr snapshot = connection.worker.snapshot;
    std::optional<Failure> failure;
    {
        const std::function<void()> cut = [&connection] { connection.client.cancel(); };
        const net::DeadlineTimer deadline(connection.client.executor(),
                                          snapshot->settings.limits.handshake_timeout, cut);
        auto shaken = co_await connection.client.handshake(&turns);
        if (!shaken) {
            failure = shaken.error();
            const bool was_cut = failure->code == Code::cancelled;
            if (was_cut && deadline.has_passed()) {
                failure = Failure{Code::timed_out, "the handshake was not done in time"};
            } else if (was_cut && connection.ticket.was_evicted()) {
                failure = Failure{Code::limit_reached, "cut to make room for a newer connection"};
            } else if (was_cut && connection.worker.is_draining) {
                failure = Failure{Code::shutting_down, "the gateway stopped accepting"};
            }
        }
    }
    if (failure) {
        co_await reject_handshake(connection, std::move(*failure));
        co_return false;
    }
    const net::TlsPeer peer = connection.client.peer();
    if (peer.certificate) {
        connection.identity =
            connection.worker.identities.of(*peer.certificate, snapshot->settings.trust_domain);
    }
    co_return true;
}

/// Answers a GET of a client that authenticate() has accepted. Returns nothing for an unknown target.
std::optional<http::Response> answer_get(const ClientConnection& connection, std::string_view target) {
    const Identity& identity = **connection.identity;
    const Snapshot& snapshot = *connection.worker.snapshot;
    if (target == "/v1/services") {
        return services_answer(snapshot.settings.policy, identity);
    }
    if (target.starts_with(kConnections)) {
        const std::string id(target.substr(kConnections.size()));
        if (const auto entry = connection.worker.shared.directory.find(id, identity.login.name)) {
            return connection_answer(id, *entry);
        }
    }
    return std::nullopt;
}

Failure request_failure(const ClientConnection& connection, const Failure& failure) {
    if (connection.ticket.was_evicted()) {
        return Failure{Code::limit_reached, "cut to make room for a newer connection"};
    }
    return failure;
}

bool is_head_too_old(const http::Request& request) {
    return request.version() < 11;
}

Result<TunnelRequest> tunnel_request_of(const http::Request& request) {
    if (request.count("Postern-Backend-Start") > 1 || request.count("Postern-Cancel-Of") > 1 ||
        request.count("Postern-Client-Program") > 1 || request.count("Postern-Purpose") > 1) {
        return Failure{Code::malformed_request, "a Postern field is given twice"};
    }
    const auto view = [](auto text) { return std::string_view(text.data(), text.size()); };
    return parse_tunnel_request(TunnelHead{
        view(request.target()), view(request["Postern-Backend-Start"]), view(request["Postern-Cancel-Of"]),
        view(request["Postern-Client-Program"]), view(request["Postern-Purpose"])});
}

/// Returns how long the client may take to begin its first request. An authenticated client that is not
/// refused may stay warm for a long time if there is a place, but not longer than its certificate is valid.
/// All others get the timeout of a request.
std::chrono::milliseconds wait_warm(ClientConnection& connection) {
    Worker& worker = connection.worker;
    const LimitSettings& limits = worker.snapshot->settings.limits;
    const Moment now = worker.shared.now();
    if (!connection.identity || worker.is_draining ||
        !authenticate(**connection.identity, now, worker.revocations.get(), worker.snapshot->graces())) {
        return limits.request_timeout;
    }
    const pki::LoginIdentity& login = (*connection.identity)->login;
    auto place = worker.shared.limits.enter_warm(login.name);
    if (!place) {
        return limits.request_timeout;
    }
    connection.warm_place.emplace(std::move(*place));
    // The connection stays usable for a last answer.
    const std::function<void()> cut = [&connection] { connection.client.wake(); };
    connection.ticket = worker.warm.enter(cut);
    const auto valid_for = std::chrono::duration_cast<std::chrono::milliseconds>(login.not_after - now.wall);
    return std::max(std::min(limits.warm_timeout, valid_for), limits.request_timeout);
}

/// Reads requests and answers those that are not CONNECT. Returns null when the connection has ended.
boost::asio::awaitable<std::unique_ptr<ConnectRequest>> next_tunnel(ClientConnection& connection) {
    const std::chrono::milliseconds timeout = connection.worker.snapshot->settings.limits.request_timeout;
    http::RequestLimits limits;
    limits.body_bytes = 0;
    limits.head_timeout = timeout;
    limits.body_timeout = timeout;
    limits.idle_timeout = timeout;
    http::RequestReader reader(connection.client, limits);
    bool is_first = true;
    std::chrono::milliseconds begins_within = wait_warm(connection);
    while (true) {
        std::string no_service;
        auto request = co_await reader.next(begins_within);
        if (!request) {
            Failure failure = request_failure(connection, request.error());
            // This is a warm connection that was not needed, a connection that was kept alive and has no
            // further request, or either of them when the gateway shuts down.
            const bool is_quiet_end =
                failure.code == Code::end_of_stream || failure.code == Code::cancelled ||
                (failure.code == Code::timed_out &&
                 (!is_first || (connection.warm_place && reader.is_between_requests())));
            if (is_quiet_end) {
                spdlog::debug("event=connection.ended id={} reason={}", connection.id, name(failure.code));
                // If the client has just sent a CONNECT, an orderly end before any answer tells it that the
                // request was not handled.
                co_await net::lingering_close(connection.client, kCloseTimeout);
            } else {
                co_await refuse(connection, std::move(failure), std::move(no_service));
            }
            co_return nullptr;
        }
        is_first = false;
        begins_within = timeout;
        if (!connection.identity) {
            Failure failure = connection.identity.error();
            co_await refuse(connection, std::move(failure), std::move(no_service));
            co_return nullptr;
        }
        if (request->method() == boost::beast::http::verb::connect && !is_head_too_old(*request)) {
            auto tunnel = tunnel_request_of(*request);
            if (!tunnel) {
                Failure failure = tunnel.error();
                co_await refuse(connection, std::move(failure), std::move(no_service));
                co_return nullptr;
            }
            connection.program = tunnel->program;
            auto asked = std::make_unique<ConnectRequest>();
            asked->request = std::move(*tunnel);
            asked->early = reader.take_rest();
            co_return std::move(asked);
        }
        if (request->method() != boost::beast::http::verb::get) {
            Failure failure{Code::malformed_request, "neither CONNECT nor GET"};
            co_await refuse(connection, std::move(failure), std::move(no_service));
            co_return nullptr;
        }
        auto known = check_still_trusted(connection);
        if (known) {
            known = authenticate(**connection.identity, connection.worker.shared.now(),
                                 connection.worker.revocations.get(), connection.worker.snapshot->graces());
        }
        if (!known) {
            Failure failure = known.error();
            co_await refuse(connection, std::move(failure), std::move(no_service));
            co_return nullptr;
        }
        connection.identity = connection.worker.shared.sessions.note(*connection.identity);
        const std::string_view target(request->target().data(), request->target().size());
        std::optional<http::Response> found = answer_get(connection, target);
        if (!found) {
            Failure failure{Code::not_found, fmt::format("GET {}", target)};
            http::Response refused = co_await refuse_request(connection, std::move(failure));
            found = std::move(refused);
        }
        http::Response response = std::move(*found);
        const bool stays = request->keep_alive() && !connection.worker.is_draining;
        response.keep_alive(stays);
        auto written = co_await http::write_response(connection.client, std::move(response), timeout);
        if (!written) {
            co_return nullptr;
        }
        if (!stays) {
            co_await net::lingering_close(connection.client, kCloseTimeout);
            co_return nullptr;
        }
    }
}

}  // namespace

boost::asio::awaitable<void> serve_connection(Worker& worker, net::PlainStream socket, Counted undecided) {
    net::Endpoint source = socket.remote();
    socket.expect(kLiveness);
    ClientConnection connection{
        worker,
        new_connection_id(),
        std::move(source),
        net::TlsStream(std::move(socket), worker.snapshot->tls, net::TlsStream::Role::server),
        {}};
    std::string address = net::address_key(connection.source.address);
    // What a session needs only for a while is on the heap, because the frame of this coroutine lives as long
    // as the tunnel.
    auto turns = std::make_unique<net::FairTurns::Member>(worker.turns, address);
    const std::function<void()> cut = [&connection, &turns] {
        connection.client.cancel();
        if (turns) {
            turns->leave();
        }
    };
    connection.ticket = worker.pending.enter(cut, std::move(address));
    if (worker.is_draining) {
        cut();
    }
    const bool is_known = co_await greet(connection, *turns, std::move(undecided));
    turns.reset();
    if (!is_known) {
        co_return;
    }
    std::unique_ptr<ConnectRequest> asked = co_await next_tunnel(connection);
    if (asked) {
        co_await serve_tunnel(connection, std::move(asked));
    }
}

}  // namespace postern::gateway

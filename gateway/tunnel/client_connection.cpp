#include "gateway/tunnel/client_connection.hpp"

#include <chrono>
#include <utility>
#include <vector>

#include <spdlog/spdlog.h>

#include "base/counted.hpp"
#include "base/log.hpp"
#include "base/outage.hpp"
#include "gateway/tunnel/answers.hpp"
#include "gateway/tunnel/records.hpp"
#include "http/server.hpp"
#include "net/lingering_close.hpp"

namespace postern::gateway {

boost::asio::awaitable<Result<void>> append(Worker& worker, audit::Record record) {
    const std::string action = record.action;
    const std::string id = record.connection_id;
    auto appended = co_await worker.shared.audit.async_append(std::move(record));
    static Outage outage;
    if (appended) {
        if (const auto lost = outage.works(std::chrono::steady_clock::now())) {
            spdlog::warn("event=audit.written_again not_written={}", *lost);
        }
    } else if (outage.fails(std::chrono::steady_clock::now())) {
        spdlog::error("event=audit.not_written id={} action={} detail={}", id, action,
                      quoted(appended.error().detail, 512));
    }
    co_return appended;
}

Result<void> check_still_trusted(ClientConnection& connection) {
    const Snapshot& in_force = *connection.worker.snapshot;
    // The TLS context and the trust bundle of a snapshot are made together. The connection keeps its context
    // alive, so that the address of another one cannot be the same.
    if (SSL_get_SSL_CTX(connection.client.native()) == in_force.tls.get()) {
        return {};
    }
    const net::TlsPeer peer = connection.client.peer();
    if (!peer.certificate) {
        return Failure{Code::no_certificate, {}};
    }
    const std::vector<pki::Certificate> others(peer.chain.begin() + 1, peer.chain.end());
    return in_force.user_ca.verify(*peer.certificate, others, pki::Purpose::client_auth,
                                   connection.worker.shared.clock());
}

namespace {

/// Returns the bearer for the budget of records. Every client here has proven to hold the key of a
/// certificate of the user CA, but such a certificate need not name a user.
audit::Bearer bearer_of(ClientConnection& connection) {
    if (connection.identity) {
        return {(*connection.identity)->login.serial, (*connection.identity)->login.name};
    }
    const net::TlsPeer peer = connection.client.peer();
    return {peer.certificate ? peer.certificate->serial() : std::string(), {}};
}

void name_bearer(audit::Record& record, ClientConnection& connection) {
    if (connection.identity) {
        name_identity(record, **connection.identity);
    } else if (const net::TlsPeer peer = connection.client.peer(); peer.certificate) {
        name_claim(record, *peer.certificate);
    }
}

bool has_its_own_record(ClientConnection& connection) {
    return connection.worker.shared.bearers.take(bearer_of(connection), std::chrono::steady_clock::now());
}

/// Appends the record of a refusal; if that fails, the refusal is counted. A stopping gateway waits for the
/// record, but not for the client that reads the answer.
boost::asio::awaitable<Result<void>> append_refusal(ClientConnection& connection, audit::Record record) {
    const Counted undecided(connection.worker.undecided);
    auto appended = co_await append(connection.worker, std::move(record));
    if (!appended) {
        connection.worker.shared.bearers.leave_out(bearer_of(connection));
    }
    co_return appended;
}

}  // namespace

boost::asio::awaitable<http::Response> refuse_request(ClientConnection& connection, Failure failure) {
    const RefusalSubject subject{
        connection.identity ? (*connection.identity)->login.name : std::string(), {}, connection.id};
    http::Problem problem = problem_of(failure.code, subject);
    if (has_its_own_record(connection)) {
        audit::Record record = rejected_record(connection.id, connection.source, failure.code,
                                               audit::Stage::request, std::move(failure.detail));
        record.action = "request.refused";
        name_bearer(record, connection);
        const auto appended = co_await append_refusal(connection, std::move(record));
        if (!appended) {
            problem = problem_of(Code::audit_unavailable, subject);
        }
    }
    co_return refusal(problem, connection.worker.snapshot->settings.name);
}

boost::asio::awaitable<void> refuse(ClientConnection& connection, Failure failure, std::string service) {
    const std::string user = connection.identity ? (*connection.identity)->login.name : std::string();
    const RefusalSubject subject{user, service, connection.id};
    http::Problem problem = problem_of(failure.code, subject);
    if (has_its_own_record(connection)) {
        // User and service names have a form that needs no quotes.
        spdlog::info("event=connection.rejected id={} source={} user={} service={} reason={} detail={}",
                     connection.id, connection.source.text(), user.empty() ? "-" : user,
                     service.empty() ? "-" : service, name(failure.code), quoted(failure.detail, 512));
        audit::Record record = rejected_record(connection.id, connection.source, failure.code,
                                               stage_of(failure.code), problem.title);
        record.service = service;
        name_program(record, connection.program);
        name_bearer(record, connection);
        const auto appended = co_await append_refusal(connection, std::move(record));
        if (!appended) {
            problem = problem_of(Code::audit_unavailable, subject);
        }
    }
    http::Response response = refusal(problem, connection.worker.snapshot->settings.name);
    response.keep_alive(false);
    const auto written = co_await http::write_response(connection.client, std::move(response));
    if (written) {
        co_await net::lingering_close(connection.client, kCloseTimeout);
    }
}

}  // namespace postern::gateway

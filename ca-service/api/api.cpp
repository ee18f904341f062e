#include "ca-service/api/api.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <string_view>

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <spdlog/spdlog.h>

#include "base/connection_id.hpp"
#include "base/log.hpp"
#include "ca-service/api/bodies.hpp"
#include "ca-service/api/enrolment.hpp"
#include "ca-service/api/login.hpp"
#include "ca-service/api/refusal.hpp"
#include "ca-service/api/renewal.hpp"
#include "ca-service/store/certificates.hpp"

// Every temporary that a co_await would hold has a name here: g++ 12 destroys unnamed ones twice.

namespace postern::ca::api {

namespace {

namespace asio = boost::asio;
namespace beast_http = boost::beast::http;
using beast_http::field;
using beast_http::status;
using beast_http::verb;

/// An answer that no cache and no proxy may keep.
http::Response answer(std::string json) {
    http::Response response = http::json_response(200, std::move(json));
    response.set(field::cache_control, "no-store");
    return response;
}

http::Response empty_answer(status code) {
    http::Response response;
    response.result(code);
    response.version(11);
    return response;
}

std::string_view trimmed(std::string_view text) {
    const std::size_t first = text.find_first_not_of(" \t");
    if (first == std::string_view::npos) {
        return {};
    }
    return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

/// Whether If-None-Match names the entity tag (RFC 9110, section 13.1.2).
bool names_tag(std::string_view list, std::string_view tag) {
    while (!list.empty()) {
        const std::size_t comma = std::min(list.find(','), list.size());
        std::string_view one = trimmed(list.substr(0, comma));
        list.remove_prefix(std::min(comma + 1, list.size()));
        if (one.starts_with("W/")) {
            one.remove_prefix(2);
        }
        if (one == "*" || one == tag) {
            return true;
        }
    }
    return false;
}

}  // namespace

/// One request on its way through.
struct Api::Call {
    http::Request request;
    http::ClientInfo client;
    Actor actor;
};

asio::awaitable<http::Response> Api::handle(http::Request request, http::ClientInfo client) {
    struct Route {
        verb method;
        std::string_view path;
        asio::awaitable<http::Response> (Api::*handler)(Call);
    };
    static constexpr std::array<Route, 8> kRoutes{{
        {verb::post, "/v1/login", &Api::login},
        {verb::post, "/v1/renew", &Api::renewal},
        {verb::post, "/v1/logout", &Api::logout},
        {verb::post, "/v1/enroll", &Api::enrolment},
        {verb::get, "/v1/trust", &Api::trust},
        {verb::get, "/v1/crl", &Api::crl},
        {verb::get, "/v1/health", &Api::health},
        {verb::get, "/v1/login-methods", &Api::login_methods},
    }};
    Call call{std::move(request), std::move(client), Actor()};
    call.actor.source_ip = call.client.remote.address;
    call.actor.source_port = call.client.remote.port;
    call.actor.connection_id = new_connection_id();
    const std::string id = call.actor.connection_id;
    const std::string target(call.request.target());
    const std::string path = target.substr(0, target.find('?'));
    const std::string method(call.request.method_string());

    std::string_view allowed;
    for (const Route& route : kRoutes) {
        if (route.path != path) {
            continue;
        }
        if (route.method == call.request.method()) {
            auto handling = (this->*route.handler)(std::move(call));
            http::Response response = co_await std::move(handling);
            co_return response;
        }
        allowed = route.method == verb::get ? "GET" : "POST";
    }
    const Failure unknown{Code::not_found, method + " " + path};
    http::Response response = refusal(Asked::other, unknown, id);
    if (!allowed.empty()) {
        response.result(status::method_not_allowed);
        response.set(field::allow, boost::beast::string_view(allowed.data(), allowed.size()));
    }
    co_return response;
}

asio::awaitable<http::Response> Api::login(Call call) {
    const Actor actor = call.actor;
    auto parsed = parse_login(std::move(call.request.body()));
    if (!parsed) {
        audit::Record record = failed_login(actor, "", parsed.error());
        auto appending = ca_.strangers.async_append(std::move(record));
        const Result<void> written = co_await std::move(appending);
        const Failure failure = written ? parsed.error() : written.error();
        co_return refusal(Asked::login, failure, actor.connection_id);
    }
    const auto body = std::make_shared<const LoginBody>(std::move(*parsed));
    const auto admission =
        ca_.throttle.admit(body->username, actor.source_ip, std::chrono::steady_clock::now());
    Failure failure{Code::limit_reached, "too many failed logins"};
    if (!admission.wait) {
        std::function<Result<LoginGrant>(store::Database&)> work =
            [this, actor, body, attempt = admission.attempt](store::Database& database) {
                return log_in(ca_, database, actor, *body, attempt);
            };
        auto working = workers_.logins.run<LoginGrant>(std::move(work));
        const Result<LoginGrant> grant = co_await std::move(working);
        if (grant) {
            co_return answer(login_answer(ca_, *grant));
        }
        failure = grant.error();
        if (failure.detail != kQueueIsFull) {
            co_return refusal(Asked::login, failure, actor.connection_id);
        }
        ca_.throttle.refund(admission.attempt, std::chrono::steady_clock::now());
    }
    // Refused before a worker saw it: recorded from here.
    audit::Record record = failed_login(actor, body->username, failure);
    auto appending = ca_.strangers.async_append(std::move(record));
    const Result<void> written = co_await std::move(appending);
    if (!written) {
        failure = written.error();
    }
    co_return refusal(Asked::login, failure, actor.connection_id, admission.wait);
}

asio::awaitable<http::Response> Api::renewal(Call call) {
    const Actor actor = call.actor;
    if (!call.client.peer.certificate) {
        const Failure failure{Code::no_certificate, "a renewal without a certificate"};
        co_return refusal(Asked::renewal, failure, actor.connection_id);
    }
    const auto csr = parse_renewal(call.request.body());
    if (!csr) {
        co_return refusal(Asked::renewal, csr.error(), actor.connection_id);
    }
    const pki::Certificate presented = *call.client.peer.certificate;
    const std::string& request = *csr;
    std::function<Result<LoginGrant>(store::Database&)> work = [this, actor, presented,
                                                                request](store::Database& database) {
        return renew(ca_, database, actor, presented, request);
    };
    auto working = workers_.requests.run<LoginGrant>(std::move(work));
    const Result<LoginGrant> grant = co_await std::move(working);
    if (!grant) {
        co_return refusal(Asked::renewal, grant.error(), actor.connection_id);
    }
    co_return answer(login_answer(ca_, *grant));
}

asio::awaitable<http::Response> Api::logout(Call call) {
    const Actor actor = call.actor;
    if (!call.client.peer.certificate) {
        const Failure failure{Code::no_certificate, "a logout without a certificate"};
        co_return refusal(Asked::other, failure, actor.connection_id);
    }
    const pki::Certificate presented = *call.client.peer.certificate;
    std::function<Result<void>(store::Database&)> work = [this, actor, presented](store::Database& database) {
        return log_out(ca_, database, actor, presented);
    };
    auto working = workers_.requests.run<void>(std::move(work));
    const Result<void> done = co_await std::move(working);
    if (!done) {
        co_return refusal(Asked::other, done.error(), actor.connection_id);
    }
    co_return empty_answer(status::no_content);
}

asio::awaitable<http::Response> Api::enrolment(Call call) {
    const Actor actor = call.actor;
    auto parsed = parse_enrolment(std::move(call.request.body()));
    if (!parsed) {
        co_return refusal(Asked::enrolment, parsed.error(), actor.connection_id);
    }
    const auto body = std::make_shared<const EnrolmentBody>(std::move(*parsed));
    std::function<Result<pki::Certificate>(store::Database&)> work =
        [this, actor, body](store::Database& database) { return enroll(ca_, database, actor, *body); };
    auto working = workers_.requests.run<pki::Certificate>(std::move(work));
    const Result<pki::Certificate> certificate = co_await std::move(working);
    if (!certificate) {
        co_return refusal(Asked::enrolment, certificate.error(), actor.connection_id);
    }
    co_return answer(enrolment_answer(ca_, *certificate));
}

asio::awaitable<http::Response> Api::trust(Call) {
    co_return http::json_response(200, trust_answer(ca_));
}

asio::awaitable<http::Response> Api::crl(Call call) {
    using Published = std::shared_ptr<const PublishedCrl>;
    const auto lifetime = ca_.settings.get()->crl_lifetime;
    std::function<Result<Published>(store::Database&)> work = [this, lifetime](store::Database& database) {
        return ca_.crls.current(database, lifetime);
    };
    auto working = workers_.requests.run<Published>(std::move(work));
    const Result<Published> published = co_await std::move(working);
    if (!published) {
        co_return refusal(Asked::other, published.error(), call.actor.connection_id);
    }
    const PublishedCrl& list = **published;
    const std::string tag = fmt::format("\"{}\"", list.number);
    const std::string known(call.request[field::if_none_match]);
    http::Response response = empty_answer(status::ok);
    response.set(field::etag, tag);
    // Each use must ask again: that is how a revocation reaches everybody within seconds.
    response.set(field::cache_control, "no-cache");
    if (names_tag(known, tag)) {
        response.result(status::not_modified);
        co_return response;
    }
    response.set(field::content_type, "application/pkix-crl");
    // Part of the published list, and alive as long as it.
    response.shared_body = std::shared_ptr<const std::string>(*published, &list.der);
    co_return response;
}

asio::awaitable<http::Response> Api::health(Call call) {
    std::function<Result<std::uint64_t>(store::Database&)> work = [](store::Database& database) {
        return store::revocation_counter(database);
    };
    auto working = workers_.requests.run<std::uint64_t>(std::move(work));
    const Result<std::uint64_t> counter = co_await std::move(working);
    if (!counter) {
        co_return refusal(Asked::other, counter.error(), call.actor.connection_id);
    }
    // The time is for desktops whose clocks are wrong.
    const nlohmann::json body = {{"status", "ok"}, {"time", format_time(ca_.clock())}};
    co_return answer(body.dump());
}

asio::awaitable<http::Response> Api::login_methods(Call) {
    // Desktops draw a form from it, and post what was entered to /v1/login (others: /v1/login/<id>).
    co_return answer(R"({"methods":[{"id":"password","title":"Password","kind":"form","fields":[)"
                     R"({"name":"username","label":"User","kind":"text","required":true},)"
                     R"({"name":"password","label":"Password","kind":"secret","required":true}]}]})");
}

asio::awaitable<void> Api::record_rejected(http::RejectedConnection rejected) {
    Actor actor;
    actor.source_ip = rejected.remote.address;
    actor.source_port = rejected.remote.port;
    actor.connection_id = new_connection_id();
    audit::Record record = refusal_of(actor, "connection.rejected", rejected.failure);
    record.stage = rejected.certificate ? audit::Stage::certificate : audit::Stage::tls;
    if (rejected.failure.code == Code::limit_reached) {
        record.stage = audit::Stage::limit;
    }
    if (rejected.certificate) {
        record.claimed_user = rejected.certificate->common_name();
        record.certificate_serial = rejected.certificate->serial();
        record.certificate_subject = rejected.certificate->subject();
        record.certificate_issuer = rejected.certificate->issuer();
        record.certificate_sha256 = rejected.certificate->fingerprint();
    }
    // The connection is gone already: nothing was let in that a missing record should have stopped.
    auto appending = ca_.strangers.async_append(std::move(record));
    const Result<void> written = co_await std::move(appending);
    if (!written) {
        spdlog::error("event=audit.failed source={} reason={} detail={}", rejected.remote.text(),
                      name(rejected.failure.code), quoted(written.error().detail, 512));
    }
}

}  // namespace postern::ca::api

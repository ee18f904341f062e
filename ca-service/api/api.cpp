#include "ca-service/api/api.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <optional>
#include <string_view>

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <spdlog/spdlog.h>

#include "base/connection_id.hpp"
#include "base/json.hpp"
#include "base/log.hpp"
#include "base/outage.hpp"
#include "ca-service/api/bodies.hpp"
#include "ca-service/api/enrolment.hpp"
#include "ca-service/api/login.hpp"
#include "ca-service/api/renewal.hpp"
#include "net/connection_slots.hpp"

// Every temporary that a co_await would hold has a name here, because g++ 12 destroys unnamed ones twice.

namespace postern::ca::api {

namespace {

namespace asio = boost::asio;
namespace beast_http = boost::beast::http;
using beast_http::field;
using beast_http::status;
using beast_http::verb;

/// Makes an answer that no cache and no proxy may keep.
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

/// Returns whether If-None-Match names the entity tag (RFC 9110, section 13.1.2).
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

/// Returns the place of a login in the queue. A familiar pair and a known key come before strangers, and
/// among strangers those whose address has failed less. So somebody who guesses delays their own next guesses
/// and nobody else.
Turn turn_of(const LoginThrottle::Admission& admission) {
    constexpr std::array<unsigned, 3> kFailures{5, 20, 80};
    const bool is_familiar = admission.attempt.charged_address.empty();
    const auto rank = std::upper_bound(kFailures.begin(), kFailures.end(), admission.failures_before);
    return Turn{admission.lane, is_familiar ? 0U : 1U + static_cast<unsigned>(rank - kFailures.begin())};
}

/// Returns the list that a request for changes says it holds: "?after=NUMBER", and nothing else.
std::optional<std::uint64_t> number_after(std::string_view target) {
    constexpr std::string_view kQuery = "?after=";
    const std::size_t at = target.find('?');
    if (at == std::string_view::npos || !target.substr(at).starts_with(kQuery)) {
        return std::nullopt;
    }
    const std::string_view digits = target.substr(at + kQuery.size());
    std::uint64_t number = 0;
    const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), number);
    const bool is_whole = read.ec == std::errc() && read.ptr == digits.data() + digits.size();
    return is_whole ? std::optional(number) : std::nullopt;
}

}  // namespace

/// One request while it is handled.
struct Api::Call {
    http::Request request;
    http::ClientInfo client;
    Actor actor;
};

asio::awaitable<http::Response> Api::handle(http::Request request, http::ClientInfo client) {
    struct Route {
        verb method;
        std::string_view path;
        asio::awaitable<Outcome> (Api::*handler)(Call);
    };
    static constexpr std::array<Route, 9> kRoutes{{
        {verb::post, "/v1/login", &Api::login},
        {verb::post, "/v1/renew", &Api::renewal},
        {verb::post, "/v1/logout", &Api::logout},
        {verb::post, "/v1/enroll", &Api::enrolment},
        {verb::get, "/v1/trust", &Api::trust},
        {verb::get, "/v1/crl", &Api::crl},
        {verb::get, "/v1/crl/changes", &Api::crl_changes},
        {verb::get, "/v1/health", &Api::health},
        {verb::get, "/v1/login-methods", &Api::login_methods},
    }};
    Call call{std::move(request), std::move(client), Actor()};
    call.actor.source_ip = call.client.remote.address;
    call.actor.source_port = call.client.remote.port;
    call.actor.connection_id = new_connection_id();
    Actor actor = call.actor;
    std::optional<pki::Certificate> presented = call.client.peer.certificate;
    const std::string target(call.request.target());
    const std::string path = target.substr(0, target.find('?'));
    const std::string method(call.request.method_string());

    Refusal refused{.failure = {Code::not_found, fmt::format("{} {}", method, path)}};
    // A store that has forgotten revocations decides nothing, and its list is not handed out. Who is trusted
    // does not depend on the store.
    const bool is_held_back = ca_.is_store_restored && path != "/v1/trust";
    if (is_held_back) {
        refused.failure = Failure{Code::unavailable, std::string(kStoreIsRestored)};
    }
    for (const Route& route : kRoutes) {
        if (route.path != path || is_held_back) {
            continue;
        }
        if (route.method == call.request.method()) {
            auto handling = (this->*route.handler)(std::move(call));
            Outcome outcome = co_await std::move(handling);
            if (outcome) {
                co_return std::move(*outcome);
            }
            refused = outcome.error();
            refused.allowed_method = {};
            break;
        }
        refused.allowed_method = route.method == verb::get ? "GET" : "POST";
    }
    auto refusing = refuse(ca_.refusals, std::move(actor), std::move(presented), std::move(refused));
    http::Response response = co_await std::move(refusing);
    co_return response;
}

asio::awaitable<Api::Outcome> Api::login(Call call) {
    const Actor actor = call.actor;
    Refusal refused{.asked = RequestKind::login};
    auto parsed = parse_login(std::move(call.request.body()));
    if (!parsed) {
        refused.failure = parsed.error();
        co_return refused;
    }
    const auto body = std::make_shared<const LoginBody>(std::move(*parsed));
    refused.claimed_user = body->username;
    const std::string key = call.client.peer.certificate
                                ? known_key(*call.client.peer.certificate, body->username,
                                            ca_.settings.get()->trust_domain, ca_.clock())
                                : std::string();
    const auto admission =
        ca_.throttle.admit(body->username, actor.source_ip, std::chrono::steady_clock::now(), key);
    if (admission.wait) {
        refused.failure = Failure{Code::limit_reached, "too many failed logins"};
        refused.retry_after = admission.wait;
        co_return refused;
    }
    std::function<Result<LoginGrant>(store::Database&)> work =
        [this, actor, body, attempt = admission.attempt](store::Database& database) {
            return log_in(ca_, database, actor, *body, attempt);
        };
    Turn turn = turn_of(admission);
    auto working = workers_.logins.run<LoginGrant>(std::move(turn), std::move(work));
    const Result<LoginGrant> grant = co_await std::move(working);
    if (grant) {
        co_return answer(login_answer(ca_, *grant));
    }
    refused.failure = grant.error();
    refused.was_judged = refused.failure.detail != kQueueIsFull;
    if (!refused.was_judged) {
        ca_.throttle.refund(admission.attempt, std::chrono::steady_clock::now());
    }
    co_return refused;
}

asio::awaitable<Api::Outcome> Api::renewal(Call call) {
    const Actor actor = call.actor;
    Refusal refused{.asked = RequestKind::renewal};
    if (!call.client.peer.certificate) {
        refused.failure = Failure{Code::no_certificate, "a renewal without a certificate"};
        co_return refused;
    }
    const auto csr = parse_renewal(call.request.body());
    if (!csr) {
        refused.failure = csr.error();
        co_return refused;
    }
    const pki::Certificate presented = *call.client.peer.certificate;
    const std::string& request = *csr;
    std::function<Result<LoginGrant>(store::Database&)> work = [this, actor, presented,
                                                                request](store::Database& database) {
        return renew(ca_, database, actor, presented, request);
    };
    Turn turn{presented.common_name()};
    auto working = workers_.requests.run<LoginGrant>(std::move(turn), std::move(work));
    const Result<LoginGrant> grant = co_await std::move(working);
    if (!grant) {
        refused.failure = grant.error();
        co_return refused;
    }
    co_return answer(login_answer(ca_, *grant));
}

asio::awaitable<Api::Outcome> Api::logout(Call call) {
    const Actor actor = call.actor;
    Refusal refused;
    if (!call.client.peer.certificate) {
        refused.failure = Failure{Code::no_certificate, "a logout without a certificate"};
        co_return refused;
    }
    const pki::Certificate presented = *call.client.peer.certificate;
    std::function<Result<void>(store::Database&)> work = [this, actor, presented](store::Database& database) {
        return log_out(ca_, database, actor, presented);
    };
    Turn turn{presented.common_name()};
    auto working = workers_.requests.run<void>(std::move(turn), std::move(work));
    const Result<void> done = co_await std::move(working);
    if (!done) {
        refused.failure = with_context("logout", done.error());
        co_return refused;
    }
    store_.look_now();
    co_return empty_answer(status::no_content);
}

asio::awaitable<Api::Outcome> Api::enrolment(Call call) {
    const Actor actor = call.actor;
    Refusal refused{.asked = RequestKind::enrolment};
    auto parsed = parse_enrolment(std::move(call.request.body()));
    if (!parsed) {
        refused.failure = parsed.error();
        co_return refused;
    }
    const auto body = std::make_shared<const EnrolmentBody>(std::move(*parsed));
    std::function<Result<pki::Certificate>(store::Database&)> work =
        [this, actor, body](store::Database& database) { return enroll(ca_, database, actor, *body); };
    Turn turn{net::address_key(actor.source_ip)};
    auto working = workers_.enrolments.run<pki::Certificate>(std::move(turn), std::move(work));
    const Result<pki::Certificate> certificate = co_await std::move(working);
    if (!certificate) {
        refused.failure = certificate.error();
        co_return refused;
    }
    co_return answer(enrolment_answer(ca_, *certificate));
}

asio::awaitable<Api::Outcome> Api::trust(Call) {
    co_return http::json_response(200, trust_answer(ca_));
}

asio::awaitable<Api::Outcome> Api::crl(Call call) {
    // The list comes from memory: no worker, no queue and no lock that strangers could hold up. The watch
    // keeps it current.
    const std::shared_ptr<const PublishedCrl> published = ca_.crls.latest();
    if (!published || published->next_update <= ca_.clock()) {
        Refusal refused;
        refused.failure = Failure{Code::unavailable, "no current revocation list could be made"};
        co_return refused;
    }
    const PublishedCrl& list = *published;
    const std::string tag = fmt::format("\"{}\"", list.number);
    const std::string known(call.request[field::if_none_match]);
    http::Response response = empty_answer(status::ok);
    response.set(field::etag, tag);
    // Each use must ask again, so that a revocation reaches everybody within seconds.
    response.set(field::cache_control, "no-cache");
    if (names_tag(known, tag)) {
        response.result(status::not_modified);
        co_return response;
    }
    response.set(field::content_type, "application/pkix-crl");
    // The body is part of the published list and keeps the list alive.
    response.shared_body = std::shared_ptr<const std::string>(published, &list.der);
    co_return response;
}

asio::awaitable<Api::Outcome> Api::crl_changes(Call call) {
    Refusal refused;
    const auto target = call.request.target();
    const auto after = number_after(std::string_view(target.data(), target.size()));
    if (!after) {
        refused.failure = Failure{Code::malformed_request, "changes since which list?"};
        co_return refused;
    }
    if (const auto& caller = call.client.peer.server_certificate) {
        ca_.gateways.note(*caller, ca_.settings.get()->trust_domain, *after, ca_.clock());
    }
    // The changes come from memory, like the list.
    Result<std::string> changes = ca_.crls.changes_since(*after);
    if (!changes) {
        refused.failure = changes.error();
        co_return refused;
    }
    http::Response response = empty_answer(changes->empty() ? status::no_content : status::ok);
    response.set(field::cache_control, "no-store");
    if (!changes->empty()) {
        response.set(field::content_type, "application/octet-stream");
        response.body() = std::move(*changes);
    }
    co_return response;
}

asio::awaitable<Api::Outcome> Api::health(Call) {
    if (const auto health = store_.health(); !health) {
        Refusal refused;
        refused.failure = health.error();
        co_return refused;
    }
    // The time is for desktops whose clocks are wrong.
    const nlohmann::json body = {{"status", "ok"}, {"time", format_time(ca_.clock())}};
    co_return answer(json_text(body));
}

asio::awaitable<Api::Outcome> Api::login_methods(Call) {
    // Desktops draw a form from this, and post what was entered to /v1/login (for other methods:
    // /v1/login/<id>).
    co_return answer(R"({"methods":[{"id":"password","title":"Password","kind":"form","fields":[)"
                     R"({"name":"username","label":"User","kind":"text","required":true},)"
                     R"({"name":"password","label":"Password","kind":"secret","required":true}]}]})");
}

asio::awaitable<void> Api::record_rejected(http::RejectedConnection rejected) {
    if (rejected.was_silent) {
        ca_.silent.note();
        co_return;
    }
    Actor actor;
    actor.source_ip = rejected.remote.address;
    actor.source_port = rejected.remote.port;
    actor.connection_id = new_connection_id();
    audit::Record record = refusal_of(actor, "connection.rejected", rejected.failure);
    record.stage = rejected.is_greeted    ? audit::Stage::request
                   : rejected.certificate ? audit::Stage::certificate
                                          : audit::Stage::tls;
    if (rejected.failure.code == Code::limit_reached) {
        record.stage = audit::Stage::limit;
    }
    std::optional<audit::Bearer> bearer;
    if (rejected.certificate) {
        name_certificate(record, *rejected.certificate, rejected.is_greeted);
        if (rejected.is_greeted) {
            bearer = bearer_of(*rejected.certificate);
        }
    }
    // A missing record lets nobody in here: the connection was rejected anyway.
    auto appending = ca_.refusals.async_append(std::move(record), std::move(bearer));
    const Result<void> written = co_await std::move(appending);
    static Outage outage;
    if (!written && outage.fails(std::chrono::steady_clock::now())) {
        spdlog::error("event=audit.failed source={} reason={} detail={}", rejected.remote.text(),
                      name(rejected.failure.code), quoted(written.error().detail, 512));
    }
}

}  // namespace postern::ca::api

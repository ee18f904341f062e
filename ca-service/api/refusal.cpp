#include "ca-service/api/refusal.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "base/log.hpp"
#include "base/reason.hpp"
#include "base/record_budget.hpp"
#include "http/problem.hpp"

namespace postern::ca::api {

namespace {

constexpr std::size_t kFaultsLoggedPerMinute = 60;

struct Words {
    std::string_view title;
    std::string_view hint;
};

Words words_for_unauthenticated(RequestKind asked) {
    switch (asked) {
        case RequestKind::login:
            return {"Wrong user name or password.",
                    "Try again. If you forgot your password, ask your administrator for a new one."};
        case RequestKind::enrolment:
            return {"This enrolment token is unknown, was used already, or has expired.",
                    "Make a new one on the CA machine: postern-ca token create."};
        case RequestKind::renewal:
        case RequestKind::other:
            break;
    }
    return {"The CA service does not know this certificate.", "Log in again: postern login."};
}

Words words_of(RequestKind asked, Code code) {
    switch (code) {
        case Code::unauthenticated:
            return words_for_unauthenticated(asked);
        case Code::no_certificate:
            return {"This request needs a login certificate.", "Log in first: postern login."};
        case Code::user_disabled:
            return {"This account is disabled.", "Ask your administrator to enable it."};
        case Code::session_ended:
            return {"The login session has ended.", "Log in again: postern login."};
        case Code::revoked:
            return {"This certificate was revoked.",
                    "Log in again: postern login. If you did not expect this, tell your administrator."};
        case Code::expired:
        case Code::not_yet_valid:
            return {"This certificate is not valid at this time.",
                    "Check this machine's clock, then log in again: postern login."};
        case Code::policy_denied:
            return asked == RequestKind::enrolment
                       ? Words{"This token is for a name that belongs to a service alone.",
                               "Make another one on the CA machine: postern-ca token create."}
                       : Words{"A certificate is renewed for its own key only.",
                               "For another key, log in again: postern login."};
        case Code::limit_reached:
            return {"Too many certificates were made for this login or this user.",
                    "Wait a while, then try again. If you do not know why, tell your administrator."};
        case Code::malformed_certificate:
            return {"This is not a login certificate of Postern.", "Log in again: postern login."};
        case Code::malformed_request:
            return {"The CA service cannot read this request.",
                    "Update the program that sent it: it may be older or newer than the CA service."};
        case Code::request_too_large:
            return {"The request is too large.", "Send less."};
        case Code::not_found:
            return {"The CA service has no such path.", "Check the address: the interface is below /v1/."};
        case Code::unavailable:
            return {"The CA service is busy.", "Try again in a moment."};
        case Code::audit_unavailable:
            return {"The CA service cannot write its audit log, so it refuses.",
                    "Tell your administrator: the log of postern-ca says why."};
        // The words of the common table speak of the machine that runs the program, which is not the
        // reader's.
        case Code::internal:
        case Code::io_failed:
        case Code::config_invalid:
        case Code::out_of_resources:
            return {"The CA service failed.", "Tell your administrator: the log of postern-ca says why."};
        default:
            return {reason_of(code).title, reason_of(code).hint};
    }
}

bool is_our_fault(Code code) {
    return code == Code::unavailable || code == Code::audit_unavailable || code == Code::io_failed ||
           code == Code::out_of_resources || code == Code::internal || code == Code::config_invalid;
}

void log(const Failure& failure, const std::string& connection_id) {
    const auto tell = [&](spdlog::level::level_enum level) {
        spdlog::log(level, "event=request.refused connection={} reason={} detail={}", connection_id,
                    name(failure.code), quoted(failure.detail, 512));
    };
    if (!is_our_fault(failure.code)) {
        tell(spdlog::level::debug);
        return;
    }
    // A queue that strangers fill is this service's fault too, so the number of lines is bounded.
    static RecordBudget faults(kFaultsLoggedPerMinute);
    if (!faults.take(std::chrono::steady_clock::now())) {
        return;
    }
    if (const std::size_t more = faults.take_untold(); more > 0) {
        spdlog::error("event=request.refused more={}", more);
    }
    tell(spdlog::level::err);
}

}  // namespace

namespace {

std::string action_of(RequestKind asked) {
    switch (asked) {
        case RequestKind::login:
            return "login.failed";
        case RequestKind::renewal:
        case RequestKind::enrolment:
            return "certificate.refused";
        case RequestKind::other:
            break;
    }
    return "request.refused";
}

audit::Record record_of(const Actor& actor, const std::optional<pki::Certificate>& presented,
                        const Refusal& refused) {
    audit::Record record = refusal_of(actor, action_of(refused.asked), refused.failure);
    record.claimed_user = refused.claimed_user;
    if (presented) {
        name_certificate(record, *presented, true);
    }
    return record;
}

/// Returns the bearer to whose budget the refusal is charged; nothing for a stranger.
std::optional<audit::Bearer> charged(const std::optional<pki::Certificate>& presented,
                                     const Refusal& refused) {
    if (presented) {
        return bearer_of(*presented);
    }
    // These codes are told only where the password was right.
    const Code code = refused.failure.code;
    if (refused.was_judged && (code == Code::user_disabled || code == Code::limit_reached)) {
        return audit::Bearer{{}, refused.claimed_user};
    }
    return std::nullopt;
}

}  // namespace

void throw_exception_from_error(const Refusal& refused, const boost::source_location& where) {
    postern::throw_exception_from_error(refused.failure, where);
}

audit::Bearer bearer_of(const pki::Certificate& presented) {
    return {presented.serial(), presented.common_name()};
}

void name_certificate(audit::Record& record, const pki::Certificate& presented, bool is_proven) {
    record.certificate_serial = presented.serial();
    record.certificate_subject = presented.subject();
    record.certificate_issuer = presented.issuer();
    if (const SystemTime end = presented.not_after(); end != SystemTime::min()) {
        record.certificate_not_after = end;
    }
    record.certificate_sha256 = presented.fingerprint();
    if (is_proven) {
        record.user = presented.common_name();
        record.session_id = presented.session_id().value_or("");
    } else {
        record.claimed_user = presented.common_name();
    }
}

boost::asio::awaitable<http::Response> refuse(RefusalRecords& records, Actor actor,
                                              std::optional<pki::Certificate> presented, Refusal refused) {
    audit::Record record = record_of(actor, presented, refused);
    const bool is_guess = refused.was_judged && refused.failure.code == Code::unauthenticated;
    std::optional<audit::Bearer> bearer = charged(presented, refused);
    auto recording = is_guess ? records.async_append_always(std::move(record))
                              : records.async_append(std::move(record), std::move(bearer));
    const Result<void> written = co_await std::move(recording);
    if (!written) {
        refused.failure = written.error();
        refused.allowed_method = {};
    }
    http::Response response =
        refusal(refused.asked, refused.failure, actor.connection_id, refused.retry_after);
    if (!refused.allowed_method.empty()) {
        response.result(boost::beast::http::status::method_not_allowed);
        const boost::beast::string_view allowed(refused.allowed_method.data(), refused.allowed_method.size());
        response.set(boost::beast::http::field::allow, allowed);
    }
    co_return response;
}

http::Response refusal(RequestKind asked, const Failure& failure, const std::string& connection_id,
                       std::optional<std::chrono::milliseconds> retry_after) {
    log(failure, connection_id);
    const bool is_restored = failure.detail == kStoreIsRestored;
    if (failure.code == Code::unavailable && !retry_after && !is_restored) {
        retry_after = std::chrono::seconds(1);
    }
    Words words = words_of(asked, failure.code);
    if (failure.code == Code::limit_reached && retry_after) {
        words.title = "Too many failed logins.";
    }
    if (is_restored) {
        words = {"The CA's store was put back from a backup, and nobody has accepted that yet.",
                 "Tell your administrator to run: postern-ca store accept-restore."};
    }
    http::Problem problem;
    problem.code = failure.code;
    problem.title = words.title;
    problem.hint = words.hint;
    problem.connection_id = connection_id;
    if (!retry_after) {
        return http::problem_response(problem);
    }
    const auto seconds =
        std::max<std::int64_t>(1, std::chrono::ceil<std::chrono::seconds>(*retry_after).count());
    problem.hint = fmt::format("Wait {} second{}, then try again.", seconds, seconds == 1 ? "" : "s");
    http::Response response = http::problem_response(problem);
    response.set(boost::beast::http::field::retry_after, std::to_string(seconds));
    return response;
}

}  // namespace postern::ca::api

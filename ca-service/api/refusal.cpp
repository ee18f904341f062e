#include "ca-service/api/refusal.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "base/log.hpp"
#include "base/record_budget.hpp"
#include "http/problem.hpp"

namespace postern::ca::api {

namespace {

constexpr std::size_t kFaultsLoggedPerMinute = 60;

struct Words {
    std::string_view title;
    std::string_view hint;
};

Words words_for_unauthenticated(Asked asked) {
    switch (asked) {
        case Asked::login:
            return {"Wrong user name or password.",
                    "Try again. If you forgot your password, ask your administrator for a new one."};
        case Asked::enrolment:
            return {"This enrolment token is unknown, was used already, or has expired.",
                    "Make a new one on the CA machine: postern-ca token create."};
        case Asked::renewal:
        case Asked::other:
            break;
    }
    return {"The CA service does not know this certificate.", "Log in again: postern login."};
}

Words words_of(Asked asked, Code code) {
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
        default:
            return {"The CA service failed.", "Tell your administrator: the log of postern-ca says why."};
    }
}

bool is_our_fault(Code code) {
    return code == Code::unavailable || code == Code::audit_unavailable || code == Code::io_failed ||
           code == Code::internal || code == Code::config_invalid;
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
    // A queue that strangers fill is our fault, too.
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

http::Response refusal(Asked asked, const Failure& failure, const std::string& connection_id,
                       std::optional<std::chrono::milliseconds> retry_after) {
    log(failure, connection_id);
    if (failure.code == Code::unavailable && !retry_after) {
        retry_after = std::chrono::seconds(1);
    }
    Words words = words_of(asked, failure.code);
    if (failure.code == Code::limit_reached && retry_after) {
        words.title = "Too many failed logins.";
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

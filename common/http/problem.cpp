#include "http/problem.hpp"

#include <nlohmann/json.hpp>

#include "base/json.hpp"

namespace postern::http {

using Json = nlohmann::json;

unsigned status_of(Code code) noexcept {
    switch (code) {
        case Code::malformed_request:
        case Code::malformed_certificate:
        case Code::not_tls:
        case Code::tls_version:
        case Code::tls_failed:
            return 400;
        case Code::unauthenticated:
        case Code::no_certificate:
            return 401;
        case Code::unknown_issuer:
        case Code::self_signed:
        case Code::expired:
        case Code::not_yet_valid:
        case Code::wrong_purpose:
        case Code::revoked:
        case Code::user_disabled:
        case Code::session_ended:
        case Code::policy_denied:
        case Code::login_name_mismatch:
        case Code::killed:
            return 403;
        case Code::unknown_service:
        case Code::not_found:
            return 404;
        case Code::timed_out:
            return 408;
        case Code::already_exists:
            return 409;
        case Code::request_too_large:
            return 413;
        case Code::limit_reached:
            return 429;
        case Code::wrong_server_identity:
        case Code::unreachable:
        case Code::backend_unreachable:
        case Code::backend_refused_tls:
            return 502;
        case Code::crl_stale:
        case Code::audit_unavailable:
        case Code::shutting_down:
        case Code::unavailable:
        case Code::out_of_resources:
            return 503;
        case Code::backend_timed_out:
            return 504;
        case Code::end_of_stream:
        case Code::cancelled:
        case Code::config_invalid:
        case Code::io_failed:
        case Code::internal:
            return 500;
    }
    return 500;
}

namespace {

constexpr std::string_view kTypePrefix = "urn:postern:problem:";

Code code_of_name(std::string_view text) {
    for (int i = 0; i <= static_cast<int>(Code::internal); ++i) {
        if (name(static_cast<Code>(i)) == text) return static_cast<Code>(i);
    }
    return Code::internal;
}

std::string text_member(const Json& object, const char* key) {
    const auto found = object.find(key);
    return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

}  // namespace

std::string to_json(const Problem& problem) {
    const std::string code(name(problem.code));
    Json body = {{"type", std::string(kTypePrefix) + code},
                 {"title", problem.title},
                 {"status", status_of(problem.code)},
                 {"code", code}};
    if (!problem.hint.empty()) body["detail"] = problem.hint;
    if (!problem.connection_id.empty()) body["connection_id"] = problem.connection_id;
    return json_text(body);
}

Result<Problem> problem_from_json(std::string_view body) {
    const Json parsed = parse_json(body);
    if (!parsed.is_object()) return Failure{Code::malformed_request, "not a problem body"};
    Problem problem;
    problem.title = text_member(parsed, "title");
    problem.hint = text_member(parsed, "detail");
    problem.connection_id = text_member(parsed, "connection_id");
    const std::string code = text_member(parsed, "code");
    if (problem.title.empty() || code.empty()) return Failure{Code::malformed_request, "not a problem body"};
    problem.code = code_of_name(code);
    return problem;
}

}  // namespace postern::http

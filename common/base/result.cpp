#include "base/result.hpp"

#include <stdexcept>

#include <fmt/format.h>

namespace postern {

std::string_view name(Code code) noexcept {
    switch (code) {
        case Code::no_certificate:
            return "no_certificate";
        case Code::unknown_issuer:
            return "unknown_issuer";
        case Code::self_signed:
            return "self_signed";
        case Code::expired:
            return "expired";
        case Code::not_yet_valid:
            return "not_yet_valid";
        case Code::wrong_purpose:
            return "wrong_purpose";
        case Code::malformed_certificate:
            return "malformed_certificate";
        case Code::revoked:
            return "revoked";
        case Code::user_disabled:
            return "user_disabled";
        case Code::session_ended:
            return "session_ended";
        case Code::crl_stale:
            return "crl_stale";
        case Code::unauthenticated:
            return "unauthenticated";
        case Code::wrong_server_identity:
            return "wrong_server_identity";
        case Code::policy_denied:
            return "policy_denied";
        case Code::unknown_service:
            return "unknown_service";
        case Code::malformed_request:
            return "malformed_request";
        case Code::request_too_large:
            return "request_too_large";
        case Code::limit_reached:
            return "limit_reached";
        case Code::login_name_mismatch:
            return "login_name_mismatch";
        case Code::tls_failed:
            return "tls_failed";
        case Code::tls_version:
            return "tls_version";
        case Code::not_tls:
            return "not_tls";
        case Code::end_of_stream:
            return "end_of_stream";
        case Code::timed_out:
            return "timed_out";
        case Code::cancelled:
            return "cancelled";
        case Code::unreachable:
            return "unreachable";
        case Code::backend_unreachable:
            return "backend_unreachable";
        case Code::backend_timed_out:
            return "backend_timed_out";
        case Code::backend_refused_tls:
            return "backend_refused_tls";
        case Code::shutting_down:
            return "shutting_down";
        case Code::killed:
            return "killed";
        case Code::config_invalid:
            return "config_invalid";
        case Code::audit_unavailable:
            return "audit_unavailable";
        case Code::io_failed:
            return "io_failed";
        case Code::out_of_resources:
            return "out_of_resources";
        case Code::not_found:
            return "not_found";
        case Code::already_exists:
            return "already_exists";
        case Code::unavailable:
            return "unavailable";
        case Code::internal:
            return "internal";
    }
    return "internal";
}

bool is_certificate_verdict(Code code) noexcept {
    switch (code) {
        case Code::no_certificate:
        case Code::unknown_issuer:
        case Code::self_signed:
        case Code::expired:
        case Code::not_yet_valid:
        case Code::wrong_purpose:
        case Code::malformed_certificate:
        case Code::revoked:
        case Code::user_disabled:
        case Code::session_ended:
            return true;
        default:
            return false;
    }
}

void throw_exception_from_error(const Failure& failure, const boost::source_location& where) {
    throw std::logic_error(fmt::format("{}:{}: value of a failed result: {}: {}", where.file_name(),
                                       where.line(), name(failure.code), failure.detail));
}

Failure with_context(std::string_view context, Failure failure) {
    failure.detail =
        failure.detail.empty() ? std::string(context) : fmt::format("{}: {}", context, failure.detail);
    return failure;
}

}  // namespace postern

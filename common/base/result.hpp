// What went wrong, as a value. Failures that a program can expect travel in Result<T>; exceptions mean bugs
// or exhaustion and end one session.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include <boost/system/result.hpp>

namespace postern {

/// The reason of a failure. One list for branches, HTTP statuses, SQLSTATEs and the audit log's reason codes,
/// so that a refusal has the same name wherever it is told. Names are part of the audit format: never rename.
enum class Code {
    // What a peer presented.
    no_certificate,
    unknown_issuer,
    self_signed,
    expired,
    not_yet_valid,
    wrong_purpose,
    malformed_certificate,
    revoked,
    user_disabled,
    session_ended,
    crl_stale,
    unauthenticated,
    wrong_server_identity,
    // What a peer asked for.
    policy_denied,
    unknown_service,
    malformed_request,
    request_too_large,
    limit_reached,
    login_name_mismatch,
    // How a connection fared.
    tls_failed,
    tls_version,
    not_tls,
    end_of_stream,
    timed_out,
    cancelled,
    unreachable,
    backend_unreachable,
    backend_timed_out,
    backend_refused_tls,
    shutting_down,
    /// An administrator ended it.
    killed,
    // What this machine did.
    config_invalid,
    audit_unavailable,
    io_failed,
    /// No descriptors, memory or threads are left here: nobody else is to blame.
    out_of_resources,
    not_found,
    already_exists,
    unavailable,
    internal,
};

/// The code's name in logs, problem bodies and audit records, for example "policy_denied".
std::string_view name(Code code) noexcept;

/// Whether the reason is a certificate: none, a wrong one, or one that no longer counts.
bool is_certificate_verdict(Code code) noexcept;

struct Failure {
    Code code = Code::internal;
    /// For the operator's log. Never sent to a peer: it may hold paths and library messages.
    std::string detail;
};

/// The exception that Result<T>::value() throws when there is none: asking was a bug.
[[noreturn]] void throw_exception_from_error(const Failure& failure, const boost::source_location& where);

template <class T>
using Result = boost::system::result<T, Failure>;

/// The same failure with `context` in front of its detail: "context: detail".
Failure with_context(std::string_view context, Failure failure);

}  // namespace postern

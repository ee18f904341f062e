// Failures as values. Failures that a program can expect are returned in Result<T>; an exception means a bug
// or exhaustion and ends one session.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include <boost/system/result.hpp>

namespace postern {

/// The reason of a failure. The same list serves branches, HTTP statuses, SQLSTATEs and the audit log's
/// reason codes, so that a refusal has the same name everywhere. The names are part of the audit format and
/// are never renamed.
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
    // What happened to a connection.
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
    /// An administrator ended the connection.
    killed,
    // What happened on this machine.
    config_invalid,
    audit_unavailable,
    io_failed,
    /// No file descriptors, memory or threads are left on this machine; no peer is to blame.
    out_of_resources,
    not_found,
    already_exists,
    unavailable,
    internal,
};

/// The code's name in logs, problem bodies and audit records, for example "policy_denied".
std::string_view name(Code code) noexcept;

/// Whether the reason concerns a certificate: there is none, it is not accepted, or it is no longer valid.
bool is_certificate_verdict(Code code) noexcept;

/// A reason, and what the operator should know about the case.
struct Failure {
    Code code = Code::internal;
    /// Text for the operator's log. It is never sent to a peer, because it may contain paths and library
    /// messages.
    std::string detail;
};

/// Throws std::logic_error. Boost calls it in Result<T>::value() when there is no value: the call was a bug.
[[noreturn]] void throw_exception_from_error(const Failure& failure, const boost::source_location& where);

/// A value, or the failure that there is instead.
template <class T>
using Result = boost::system::result<T, Failure>;

/// Returns `failure` with `context` in front of its detail: "context: detail".
Failure with_context(std::string_view context, Failure failure);

}  // namespace postern

#include "base/reason.hpp"

#include <algorithm>
#include <array>

namespace postern {

namespace {

constexpr std::string_view kLogIn = "Log in again: postern login";
constexpr std::string_view kAskTeam = "Try again in a moment, then tell your platform team.";
constexpr std::string_view kTellAdministrator = "Tell your administrator; the program's log says more.";

// The rows are aligned in columns.
// clang-format off
constexpr std::array<Reason, kReasonCount> kReasons{{
    {Code::no_certificate, "no_certificate", 401, "57P03", "http_request_denied", 4,
     "No certificate was shown.", kLogIn},
    {Code::unknown_issuer, "unknown_issuer", 403, "57P03", "http_request_denied", 4,
     "The certificate is from an authority that is not trusted here.",
     "Check that both sides belong to the same CA service; tell your administrator."},
    {Code::self_signed, "self_signed", 403, "57P03", "http_request_denied", 4,
     "The certificate is signed by itself and not by an authority that is trusted here.",
     "Check that both sides belong to the same CA service; tell your administrator."},
    {Code::expired, "expired", 403, "57P03", "http_request_denied", 4,
     "The certificate has expired.", kLogIn},
    {Code::not_yet_valid, "not_yet_valid", 403, "57P03", "http_request_denied", 4,
     "The certificate is not valid yet.", "Check the clock of this machine, then log in again: postern login"},
    {Code::wrong_purpose, "wrong_purpose", 403, "57P03", "http_request_denied", 4,
     "The certificate is not meant for this use.", kTellAdministrator},
    {Code::malformed_certificate, "malformed_certificate", 400, "57P03", "http_request_denied", 4,
     "The certificate is no certificate of Postern, or of another trust domain.", kLogIn},
    {Code::revoked, "revoked", 403, "42501", "http_request_denied", 4,
     "The certificate has been revoked.", "Ask your security team why; then log in again: postern login"},
    {Code::user_disabled, "user_disabled", 403, "42501", "http_request_denied", 4,
     "The account has been disabled.", "Ask your administrator to enable it; then log in again: postern login"},
    {Code::session_ended, "session_ended", 403, "57P03", "http_request_denied", 4,
     "The login session has ended.", kLogIn},
    {Code::crl_stale, "crl_stale", 503, "57P03", "proxy_internal_error", 1,
     "The list of revoked certificates is too old, or does not speak of this certificate.", kAskTeam},
    {Code::unauthenticated, "unauthenticated", 401, "57P03", "http_request_denied", 4,
     "It is not known who asks: nobody is logged in, or name and password do not fit.", kLogIn},
    {Code::wrong_server_identity, "wrong_server_identity", 502, "57P03", "http_request_denied", 4,
     "The server proved to be another one than the one that was asked for.",
     "Nothing was sent to it. Tell your administrator."},
    {Code::policy_denied, "policy_denied", 403, "42501", "http_request_denied", 4,
     "The rules do not allow this.",
     "Ask your platform team for access; if you have just been given it, log in again: postern login"},
    // With 3D000, Entity Framework would try to create the database.
    {Code::unknown_service, "unknown_service", 404, "57P03", "destination_not_found", 1,
     "There is no service of that name.", "See what you may use with: postern services"},
    {Code::malformed_request, "malformed_request", 400, "08P01", "http_request_error", 1,
     "The request cannot be read.", "Update the program that sent it: it may be older or newer than the other side."},
    {Code::request_too_large, "request_too_large", 413, "54000", "http_request_error", 1,
     "The request is too large.", "Send less."},
    {Code::limit_reached, "limit_reached", 429, "53300", "connection_limit_reached", 4,
     "There are as many of these as there may be.", "Close what you do not need, wait a while, then try again."},
    {Code::login_name_mismatch, "login_name_mismatch", 403, "28000", "http_request_denied", 4,
     "The database user is another one than the login's.", "Connect as the user that you are logged in as, or log in as the other one."},
    {Code::tls_failed, "tls_failed", 400, "57P03", "http_request_denied", 1,
     "TLS failed.", kTellAdministrator},
    {Code::tls_version, "tls_version", 400, "57P03", "http_request_denied", 1,
     "The other side speaks no version of TLS that is taken here.", "Update the older one of the two: TLS 1.3 is needed."},
    {Code::not_tls, "not_tls", 400, "57P03", "http_request_denied", 5,
     "What answers speaks no TLS.", "Check the address and the port: something else listens there."},
    {Code::end_of_stream, "end_of_stream", 500, "57P03", "http_request_denied", 5,
     "The other side closed the connection.", "Try again in a moment."},
    {Code::timed_out, "timed_out", 408, "57P03", "http_request_error", 5,
     "It took too long.", "Check the network, then try again."},
    {Code::cancelled, "cancelled", 500, "57P03", "http_request_denied", 1,
     "It was given up on this side.", "Try again."},
    {Code::unreachable, "unreachable", 502, "57P03", "http_request_denied", 5,
     "Nobody could be reached there.", "Check the network and the address, then try again."},
    {Code::backend_unreachable, "backend_unreachable", 502, "57P03", "destination_unavailable", 5,
     "The gateway cannot reach the server of the service.", "The database may be down. Try again in a moment, then tell your platform team."},
    {Code::backend_timed_out, "backend_timed_out", 504, "57P03", "connection_timeout", 5,
     "The server of the service did not answer in time.",
     "The database may be overloaded or down. Try again in a moment, then tell your platform team."},
    {Code::backend_refused_tls, "backend_refused_tls", 502, "57P03", "tls_protocol_error", 1,
     "The server of the service refused TLS.", "Its PostgreSQL must have ssl = on. Tell your platform team."},
    {Code::shutting_down, "shutting_down", 503, "57P03", "proxy_internal_error", 1,
     "The program is shutting down.", "Try again in a moment."},
    {Code::killed, "killed", 403, "57P01", "http_request_denied", 1,
     "An administrator ended this connection.", "Ask your platform team why."},
    {Code::config_invalid, "config_invalid", 500, "57P03", "http_request_denied", 3,
     "The configuration is wrong.", "Correct what the message names; check-config reads it without a restart."},
    {Code::audit_unavailable, "audit_unavailable", 503, "57P03", "proxy_internal_error", 1,
     "The audit log cannot be written, so that nothing is allowed.", kTellAdministrator},
    {Code::io_failed, "io_failed", 500, "57P03", "http_request_denied", 1,
     "A file or a device could not be read or written.", "Look at the disk and at who owns the file that the message names."},
    {Code::out_of_resources, "out_of_resources", 503, "57P03", "proxy_internal_error", 1,
     "This machine has no file descriptors, memory or threads left.",
     "Close programs or connections that you do not need, or raise the limit (ulimit -n, LimitNOFILE=)."},
    {Code::not_found, "not_found", 404, "XX000", "destination_not_found", 1,
     "There is nothing of that name.", "Check the name."},
    {Code::already_exists, "already_exists", 409, "XX000", "http_request_denied", 1,
     "There is one of that name already.", "Take another name, or remove the other one first."},
    {Code::unavailable, "unavailable", 503, "57P03", "http_request_denied", 5,
     "The service is busy, or what it needs is not there.", "Try again in a moment."},
    {Code::internal, "internal", 500, "XX000", "proxy_internal_error", 1,
     "The program failed.", kTellAdministrator},
}};
// clang-format on

/// Whether every Code has a row in its place. It is checked at compile time.
constexpr bool is_complete() {
    for (std::size_t i = 0; i < kReasons.size(); ++i) {
        const Reason& row = kReasons[i];
        if (row.code != static_cast<Code>(i) || row.name.empty() || row.http_status == 0 || row.sqlstate.size() != 5 ||
            row.proxy_error.empty() || row.title.empty() || row.hint.empty()) {
            return false;
        }
    }
    return true;
}
static_assert(is_complete(), "each Code has a row of its own, whole and in the order of the enumeration");

}  // namespace

std::span<const Reason, kReasonCount> reasons() noexcept {
    return kReasons;
}

const Reason& reason_of(Code code) noexcept {
    const auto at = static_cast<std::size_t>(code);
    return kReasons[at < kReasons.size() ? at : kReasons.size() - 1];
}

Code code_named(std::string_view name) noexcept {
    const auto found = std::ranges::find(kReasons, name, &Reason::name);
    return found != kReasons.end() ? found->code : Code::internal;
}

std::string_view name(Code code) noexcept {
    return reason_of(code).name;
}

}  // namespace postern

#include "client-proxy/refusal/refusal.hpp"

#include <stdexcept>
#include <utility>

#include <fmt/format.h>

#include "base/clock.hpp"
#include "base/reason.hpp"
#include "client-proxy/refusal/ca_clock.hpp"
#include "postgres/error_response.hpp"
#include "postgres/rejection_message.hpp"

namespace postern::client {

namespace {

constexpr std::string_view kLogIn = "Run: postern login";
constexpr std::string_view kAskAdministrator =
    "Ask the administrator, who finds the connection id in the audit log.";

/// The meaning of a peer's verdict on the login certificate, and a hint; empty when the code is not a
/// verdict.
std::pair<std::string_view, std::string_view> verdict_on_us(Code code) {
    switch (code) {
        case Code::no_certificate:
            return {"no login certificate was shown", kLogIn};
        case Code::expired:
            return {"the login certificate has expired",
                    "Run: postern login. If it is new, check this machine's clock."};
        case Code::not_yet_valid:
            return {"the login certificate is not valid yet",
                    "Check the clocks of this machine and of the CA service."};
        case Code::unknown_issuer:
            return {"the login certificate comes from an authority that is not trusted there",
                    "Check that you are logged in at the right CA service: postern status"};
        case Code::self_signed:
            return {"the certificate is signed by itself, not by an authority that is trusted there", kLogIn};
        case Code::wrong_purpose:
            return {"the certificate is not one for logging in (clientAuth)", kLogIn};
        case Code::malformed_certificate:
            return {"the certificate is not a login certificate", kLogIn};
        case Code::revoked:
            return {"the login certificate has been revoked", kLogIn};
        case Code::user_disabled:
            return {"the user is disabled",
                    "Ask the administrator; once the user is enabled again, run: postern login"};
        case Code::session_ended:
            return {"the login session has ended", kLogIn};
        case Code::tls_failed:
            return {"the certificate was not accepted", "Run: postern status, then postern login."};
        default:
            return {};
    }
}

std::string_view what_is_wrong_with_them(Code code) {
    switch (code) {
        case Code::expired:
            return "its certificate has expired";
        case Code::not_yet_valid:
            return "its certificate is not valid yet";
        case Code::unknown_issuer:
            return "its certificate comes from an authority that is not trusted here";
        case Code::self_signed:
            return "its certificate is signed by itself";
        case Code::wrong_purpose:
            return "its certificate is not one for a server (serverAuth)";
        case Code::malformed_certificate:
            return "its certificate is malformed";
        case Code::wrong_server_identity:
            return "its certificate is for something else";
        case Code::tls_version:
            return "it speaks no version of TLS that is allowed here";
        case Code::not_tls:
            return "it does not speak TLS";
        case Code::end_of_stream:
            return "it closed the connection";
        case Code::timed_out:
        case Code::cancelled:
            return "it did not answer in time";
        default:
            return "TLS failed";
    }
}

/// Whether the verdict depends on a clock: for a certificate that is expired or not yet valid, the clock that
/// judged it may be wrong.
bool is_about_time(Code code) {
    return code == Code::expired || code == Code::not_yet_valid;
}

/// Whether this machine's clock may be wrong. It is not suspected when the CA service's time confirms it.
bool is_clock_suspected(Code code) {
    return is_about_time(code) && (!ca_clock().ahead() || !clock_trouble().empty());
}

/// The refusal of a peer's certificate that was judged by this machine's clock.
Refusal clock_refusal(Code code, std::string_view whose) {
    const bool is_early = code == Code::not_yet_valid;
    const std::string known = clock_trouble();
    const std::string now = format_time(system_clock()()).substr(0, 16);
    return {code,
            fmt::format("{} cannot be trusted: {}, or this machine's clock is {}{}", whose,
                        what_is_wrong_with_them(code), is_early ? "behind" : "ahead",
                        known.empty() ? fmt::format(" (it says {}Z)", now) : ": " + known),
            fmt::format("{}. If the clock is right, tell the administrator.", kSetTheClock),
            {}};
}

/// Adds the known error of this machine's clock to a peer's verdict on the login certificate, which the peer
/// judged by its own clock.
Refusal with_clock(Refusal refusal) {
    if (const std::string known = clock_trouble(); is_about_time(refusal.code) && !known.empty()) {
        refusal.message += "; " + known;
        refusal.hint = std::string(kSetTheClock) + ". Then run: postern login";
    }
    return refusal;
}

bool is_about_reaching(Code code) {
    return code == Code::unreachable || code == Code::timed_out || code == Code::cancelled;
}

/// Whether the server's certificate is wrong. A peer that closes the connection, or speaks something else,
/// before it has shown one has proven nothing, neither good nor bad.
bool is_about_trust(Code code) {
    return is_certificate_verdict(code) || code == Code::wrong_server_identity;
}

Refusal exhausted(const Failure& failure) {
    return {
        failure.code,
        failure.detail,
        "Close programs or connections that you do not need, or raise the limit (ulimit -n, LimitNOFILE=).",
        {}};
}

/// The hint for TLS that failed before the server showed a certificate.
std::string_view hint_without_tls(Code code) {
    switch (code) {
        case Code::end_of_stream:
            return "It may be starting, have no place left, or a load balancer has nothing behind it. Try "
                   "again "
                   "in a moment; if it stays so, tell the administrator.";
        case Code::not_tls:
            return "Something else answers there: a load balancer with nothing behind it, a network's "
                   "sign-in "
                   "page, or another program. Check the address and the network.";
        default:
            return "Its log says why; tell the administrator.";
    }
}

}  // namespace

void throw_exception_from_error(const Refusal& refusal, const boost::source_location& where) {
    throw std::logic_error(
        fmt::format("{}:{}: value of a refusal: {}", where.file_name(), where.line(), refusal.message));
}

std::string as_message(std::string_view sentence) {
    std::string message(sentence);
    while (message.ends_with('.')) {
        message.pop_back();
    }
    const auto is_lower = [](char c) { return (c >= 'a' && c <= 'z') || c == ' '; };
    if (message.size() > 1 && message[0] >= 'A' && message[0] <= 'Z' && is_lower(message[1])) {
        message[0] = static_cast<char>(message[0] - 'A' + 'a');
    }
    return message;
}

Refusal refusal_of(const http::Problem& problem) {
    std::string message = as_message(problem.title);
    if (message.empty()) {
        message = name(problem.code);
    }
    return {problem.code, std::move(message), problem.hint, problem.connection_id};
}

Refusal ca_refusal(const Failure& failure, std::string_view url) {
    if (failure.code == Code::out_of_resources) {
        return exhausted(failure);
    }
    if (is_about_reaching(failure.code)) {
        return {failure.code,
                fmt::format("the CA service {} cannot be reached", url),
                "Check the network and that the CA service runs, then try again.",
                {}};
    }
    if (failure.code == Code::malformed_request || failure.code == Code::request_too_large ||
        failure.code == Code::internal) {
        return {failure.code,
                fmt::format("the CA service {} gave an answer that makes no sense", url),
                "Check that the address is that of a Postern CA service.",
                {}};
    }
    if (is_clock_suspected(failure.code)) {
        return clock_refusal(failure.code, fmt::format("the CA service {}", url));
    }
    if (!is_about_trust(failure.code)) {
        return {failure.code,
                fmt::format("TLS with the CA service {} did not come up: {}", url,
                            what_is_wrong_with_them(failure.code)),
                std::string(hint_without_tls(failure.code)),
                {}};
    }
    return {
        failure.code,
        fmt::format("the CA service {} cannot be trusted: {}", url, what_is_wrong_with_them(failure.code)),
        "If the CA was set up anew, get its fingerprint and run: postern login --ca URL --fingerprint "
        "sha256:HEX",
        {}};
}

Refusal ca_verdict(const Failure& failure, std::string_view url) {
    const auto [why, hint] = verdict_on_us(failure.code);
    if (why.empty()) {
        return ca_refusal(failure, url);
    }
    return with_clock({failure.code,
                       fmt::format("the CA service {} refused the login certificate: {}", url, why),
                       std::string(hint),
                       {}});
}

Refusal gateway_refusal(const Failure& failure, std::string_view gateway) {
    if (failure.code == Code::out_of_resources) {
        return exhausted(failure);
    }
    if (is_about_reaching(failure.code) || failure.code == Code::io_failed) {
        return {failure.code == Code::cancelled ? Code::timed_out : failure.code,
                fmt::format("the gateway {} cannot be reached", gateway),
                "Check the network (VPN, firewall) and that the gateway runs.",
                {}};
    }
    if (is_clock_suspected(failure.code)) {
        return clock_refusal(failure.code, fmt::format("the gateway {}", gateway));
    }
    if (!is_about_trust(failure.code)) {
        return {failure.code,
                fmt::format("TLS with the gateway {} did not come up: {}", gateway,
                            what_is_wrong_with_them(failure.code)),
                std::string(hint_without_tls(failure.code)),
                {}};
    }
    return {
        failure.code,
        fmt::format("the gateway {} cannot be trusted: {}", gateway, what_is_wrong_with_them(failure.code)),
        "Do not go on; tell the administrator. After a change of the CA run: postern login",
        {}};
}

Refusal gateway_verdict(const Failure& failure, std::string_view gateway) {
    const auto [why, hint] = verdict_on_us(failure.code);
    if (!why.empty()) {
        return with_clock({failure.code,
                           fmt::format("the gateway {} refused the login certificate: {}", gateway, why),
                           std::string(hint),
                           {}});
    }
    const Code code = failure.code == Code::cancelled ? Code::timed_out : failure.code;
    return {code,
            fmt::format("the gateway {} did not let the connection in: {}", gateway,
                        what_is_wrong_with_them(code)),
            "Try again; if it stays so, look into the gateway's log.",
            {}};
}

Refusal unanswered_refusal(Code code, std::string_view gateway) {
    return {code,
            fmt::format("the gateway {} gave no answer: {}", gateway, what_is_wrong_with_them(code)),
            "What the program had sent may have reached the service, and was not sent again. Connect again.",
            {}};
}

Refusal server_refusal(const Failure& failure, std::string_view service) {
    const Code code = failure.code == Code::cancelled ? Code::timed_out : failure.code;
    if (code == Code::out_of_resources) {
        return exhausted(failure);
    }
    if (!is_about_trust(code)) {
        return {
            code,
            fmt::format("PostgreSQL of {} did not complete TLS: {}", service, what_is_wrong_with_them(code)),
            "Try again; if it stays so, look into PostgreSQL's log.",
            {}};
    }
    if (is_clock_suspected(code)) {
        return clock_refusal(code, fmt::format("PostgreSQL of {}", service));
    }
    return {code,
            fmt::format("PostgreSQL of {} cannot be trusted: {}", service, what_is_wrong_with_them(code)),
            fmt::format("The server needs a certificate of the server CA that names service/{}, beside its "
                        "other services if it has any: postern-ca token create --service {} [--service OTHER "
                        "--renew]",
                        service, service),
            {}};
}

Refusal server_verdict(const Failure& failure, std::string_view service) {
    const auto [why, hint] = verdict_on_us(failure.code);
    if (!why.empty()) {
        return {failure.code,
                fmt::format("PostgreSQL of {} refused the login certificate: {}", service, why),
                "Its ssl_ca_file must hold the user CA (postern login keeps it in user-ca.pem).",
                {}};
    }
    return {failure.code,
            fmt::format("PostgreSQL of {} ended the connection", service),
            "Look into PostgreSQL's log.",
            {}};
}

Refusal local_refusal(const Failure& failure) {
    switch (failure.code) {
        case Code::out_of_resources:
            return exhausted(failure);
        case Code::io_failed:
            return {failure.code,
                    failure.detail,
                    "Is the disk full, or the folder another user's? What was there before is untouched.",
                    {}};
        case Code::config_invalid:
        case Code::malformed_certificate:
        case Code::malformed_request:
            return {
                failure.code, failure.detail, "Mend it, or let a new login write it anew: postern login", {}};
        case Code::unavailable:
            return {failure.code,
                    failure.detail,
                    "The login's key is kept there: unlock it or plug it in, or keep the next one elsewhere "
                    "([key] in "
                    "config.toml, then postern login).",
                    {}};
        default:
            return {failure.code, failure.detail, {}, {}};
    }
}

Refusal folder_refusal(const Failure& failure) {
    return {Code::config_invalid,
            failure.detail,
            "Set XDG_STATE_HOME and XDG_RUNTIME_DIR to folders that only you may use and that can be "
            "written; in a "
            "container a tmpfs is enough.",
            {}};
}

Refusal settings_refusal(const Failure& failure) {
    if (failure.code != Code::config_invalid) {
        return local_refusal(failure);
    }
    return {failure.code, failure.detail, "Mend the file, then try again. What it may hold: man postern", {}};
}

std::string to_error_response(const Refusal& refusal, std::string_view sqlstate) {
    postgres::Refusal told{sqlstate.empty() ? reason_of(refusal.code).sqlstate : sqlstate, refusal.message,
                           refusal.hint, refusal.connection_id};
    return postgres::fatal_error(told);
}

std::string to_rejection_message(const Refusal& refusal, postgres::Language language) {
    const postgres::Refusal told{reason_of(refusal.code).sqlstate, refusal.message, refusal.hint,
                                 refusal.connection_id};
    return postgres::rejection_message(language, told);
}

}  // namespace postern::client

#include "postgres/error_response.hpp"

#include <utility>

#include <fmt/format.h>

#include "base/shown_text.hpp"

namespace postern::postgres {

namespace {

constexpr std::size_t kMostFieldBytes = 1000;

void append_field(std::string& body, char type, std::string_view text) {
    const std::string line = shown(text.substr(0, text.find('\0')), kMostFieldBytes);
    if (line.empty()) {
        return;
    }
    body.push_back(type);
    body += line;
    body.push_back('\0');
}

}  // namespace

std::string_view sqlstate_of(Code code) noexcept {
    switch (code) {
        // cannot_connect_now
        case Code::no_certificate:
        case Code::unknown_issuer:
        case Code::self_signed:
        case Code::expired:
        case Code::not_yet_valid:
        case Code::wrong_purpose:
        case Code::malformed_certificate:
        case Code::session_ended:
        case Code::unauthenticated:
        case Code::wrong_server_identity:
        // 3D000 would have Entity Framework make the database.
        case Code::unknown_service:
        case Code::tls_failed:
        case Code::tls_version:
        case Code::not_tls:
        case Code::end_of_stream:
        case Code::timed_out:
        case Code::cancelled:
        case Code::unreachable:
        case Code::backend_unreachable:
        case Code::backend_timed_out:
        case Code::backend_refused_tls:
        case Code::shutting_down:
        case Code::crl_stale:
        case Code::audit_unavailable:
        case Code::unavailable:
        case Code::config_invalid:
        case Code::io_failed:
        case Code::out_of_resources:
            return "57P03";
        // insufficient_privilege: with 28000 pgjdbc would ask a second time, without TLS.
        case Code::policy_denied:
        case Code::revoked:
        case Code::user_disabled:
            return "42501";
        // invalid_authorization_specification
        case Code::login_name_mismatch:
            return "28000";
        // protocol_violation
        case Code::malformed_request:
            return "08P01";
        // program_limit_exceeded
        case Code::request_too_large:
            return "54000";
        // too_many_connections
        case Code::limit_reached:
            return "53300";
        // admin_shutdown
        case Code::killed:
            return kCutSession;
        case Code::not_found:
        case Code::already_exists:
        case Code::internal:
            return "XX000";
    }
    return "XX000";
}

std::string fatal_error(const Refusal& refusal) {
    std::string body;
    append_field(body, 'S', "FATAL");
    append_field(body, 'V', "FATAL");
    append_field(body, 'C', refusal.sqlstate);
    append_field(body, 'M', refusal.message.empty() ? "the connection was refused" : refusal.message);
    if (!refusal.connection_id.empty()) {
        append_field(body, 'D', fmt::format("Postern connection {}", refusal.connection_id));
    }
    append_field(body, 'H', refusal.hint);
    body.push_back('\0');

    std::string message("E");
    append_u32(message, static_cast<std::uint32_t>(4 + body.size()));
    return message + body;
}

Result<ErrorFields> parse_error_response(Bytes bytes) {
    const auto malformed = [](std::string_view why) {
        return Failure{Code::malformed_request, fmt::format("not an ErrorResponse: {}", why)};
    };
    std::string_view text = as_text(bytes);
    if (text.size() < kHeaderBytes || (text[0] != 'E' && text[0] != 'N') ||
        read_u32(text, 1) != text.size() - 1) {
        return malformed("wrong type or length");
    }
    text.remove_prefix(kHeaderBytes);
    ErrorFields fields;
    while (!text.empty() && text[0] != '\0') {
        const auto end = text.find('\0');
        if (end == text.npos) {
            return malformed("a field does not end");
        }
        std::string value(text.substr(1, end - 1));
        switch (text[0]) {
            // 'V' is never localized; it comes behind 'S', which is.
            case 'S':
            case 'V':
                fields.severity = std::move(value);
                break;
            case 'C':
                fields.sqlstate = std::move(value);
                break;
            case 'M':
                fields.message = std::move(value);
                break;
            case 'D':
                fields.detail = std::move(value);
                break;
            case 'H':
                fields.hint = std::move(value);
                break;
            default:
                break;
        }
        text.remove_prefix(end + 1);
    }
    if (text.size() != 1) {
        return malformed("no terminator as its last byte");
    }
    return fields;
}

}  // namespace postern::postgres

#include "client-proxy/commands/checkup.hpp"

#include <utility>

#include <fmt/format.h>

#include "client-proxy/commands/notes.hpp"

namespace postern::client {

namespace {

bool has(std::string_view text, std::string_view part) {
    return text.find(part) != text.npos;
}

std::string_view name(Finding::State state) {
    switch (state) {
        case Finding::State::good:
            return "good";
        case Finding::State::bad:
            return "bad";
        case Finding::State::skipped:
            break;
    }
    return "skipped";
}

}  // namespace

void Checkup::good(std::string step, std::string detail) {
    findings_.push_back({std::move(step), Finding::State::good, std::move(detail), {}});
}

void Checkup::bad(std::string step, const Refusal& refusal) {
    findings_.push_back({std::move(step), Finding::State::bad, refusal.message, refusal.hint});
    if (exit_code_ == 0) {
        exit_code_ = exit_code_of(refusal.code);
    }
}

void Checkup::skip(std::string step, std::string why) {
    findings_.push_back({std::move(step), Finding::State::skipped, std::move(why), {}});
}

nlohmann::json Checkup::to_json() const {
    auto steps = nlohmann::json::array();
    for (const auto& finding : findings_) {
        steps.push_back({{"step", finding.step},
                         {"state", name(finding.state)},
                         {"detail", finding.detail},
                         {"remedy", finding.remedy}});
    }
    return {{"is_well", exit_code_ == 0}, {"steps", steps}};
}

std::string to_text(const Finding& finding, bool has_color) {
    const auto colored = [&](const char* color, const char* sign) {
        return has_color ? fmt::format("\x1b[{}m{}\x1b[0m", color, sign) : std::string(sign);
    };
    const std::string sign = finding.state == Finding::State::good  ? colored("32", "✓")
                             : finding.state == Finding::State::bad ? colored("31", "✗")
                                                                    : std::string("-");
    std::string text = fmt::format("{} {:<24} {}\n", sign, finding.step, printable(finding.detail));
    if (!finding.remedy.empty()) {
        text += fmt::format("  {:<24} → {}\n", "", printable(finding.remedy));
    }
    return text;
}

Refusal explain(const postgres::ErrorFields& error, std::string_view service, std::string_view user) {
    if (error.detail.starts_with("Postern connection") || !error.hint.empty()) {
        const Code code = has(error.message, "PostgreSQL") ? Code::backend_unreachable : Code::policy_denied;
        return {code, error.message, error.hint, {}};
    }
    if (has(error.message, "pg_hba.conf")) {
        return {Code::policy_denied,
                error.message,
                "On the database's host: add \"hostssl all all GATEWAY/32 scram-sha-256 "
                "clientcert=verify-full\" to "
                "pg_hba.conf with the gateway's address, then: select pg_reload_conf()",
                {}};
    }
    if (has(error.message, "certificate")) {
        return {Code::wrong_server_identity,
                error.message,
                fmt::format(
                    "PostgreSQL must trust the user CA (ssl_ca_file), and the database user must be the "
                    "certificate's name, {}; else map names in pg_ident.conf and set user_map = true for {} "
                    "in ca.toml.",
                    user, service),
                {}};
    }
    if (error.sqlstate == "28000" || error.sqlstate == "28P01") {
        return {Code::policy_denied,
                error.message,
                fmt::format("Make the role: create role {} login password '…'", user),
                {}};
    }
    if (error.sqlstate == "53300") {
        return {Code::limit_reached, error.message, "Close sessions, or raise max_connections.", {}};
    }
    if (error.sqlstate == "57P03") {
        return {Code::backend_unreachable, error.message, "Wait until PostgreSQL has started.", {}};
    }
    return {Code::internal, error.message, "Look into PostgreSQL's log.", {}};
}

}  // namespace postern::client

#include "client-proxy/commands/diagnostic_report.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/reason.hpp"
#include "base/shown_text.hpp"

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

void DiagnosticReport::good(std::string step, std::string detail) {
    findings_.push_back({std::move(step), Finding::State::good, std::move(detail), {}});
}

void DiagnosticReport::bad(std::string step, const Refusal& refusal) {
    findings_.push_back({std::move(step), Finding::State::bad, refusal.message, refusal.hint});
    if (exit_code_ == 0) {
        exit_code_ = reason_of(refusal.code).exit_code;
    }
}

void DiagnosticReport::skip(std::string step, std::string why) {
    findings_.push_back({std::move(step), Finding::State::skipped, std::move(why), {}});
}

nlohmann::json DiagnosticReport::to_json() const {
    auto steps = nlohmann::json::array();
    for (const auto& finding : findings_) {
        steps.push_back({{"step", finding.step},
                         {"state", name(finding.state)},
                         {"detail", finding.detail},
                         {"remedy", finding.remedy}});
    }
    return {{"is_well", exit_code_ == 0}, {"steps", steps}};
}

std::string to_text(const std::vector<Finding>& findings, bool has_color, bool has_unicode) {
    std::size_t width = 0;
    for (const auto& finding : findings) {
        width = std::max(width, finding.step.size());
    }
    const auto colored = [&](const char* color, const char* sign) {
        return has_color ? fmt::format("\x1b[{}m{}\x1b[0m", color, sign) : std::string(sign);
    };
    std::string text;
    for (const auto& finding : findings) {
        const std::string sign =
            finding.state == Finding::State::good  ? colored("32", has_unicode ? "✓" : "+")
            : finding.state == Finding::State::bad ? colored("31", has_unicode ? "✗" : "!")
                                                   : std::string("-");
        // A settings file may have several faults, each on its own line.
        for (std::string_view left = finding.detail; !left.empty();) {
            const auto end = std::min(left.find('\n'), left.size());
            text += fmt::format("{} {:<{}}  {}\n", sign, finding.step, width, shown(left.substr(0, end)));
            left.remove_prefix(std::min(end + 1, left.size()));
        }
        if (!finding.remedy.empty()) {
            text +=
                fmt::format("  {:<{}}  {} {}\n", "", width, has_unicode ? "→" : "->", shown(finding.remedy));
        }
    }
    return text;
}

bool is_told_by_postern(const postgres::ErrorFields& error) {
    return error.detail.starts_with("Postern connection") || !error.hint.empty();
}

Refusal explain(const postgres::ErrorFields& error, std::string_view service, std::string_view user) {
    if (is_told_by_postern(error)) {
        const bool is_away = error.sqlstate == "57P03" || has(error.message, "PostgreSQL");
        return {is_away ? Code::backend_unreachable : Code::policy_denied, error.message, error.hint, {}};
    }
    if (has(error.message, "pg_hba.conf rejects")) {
        return {Code::policy_denied,
                error.message,
                "On the database's host a line of pg_hba.conf with \"reject\" stands before the one for the "
                "gateway's address: move that one up, then: select pg_reload_conf()",
                {}};
    }
    if (has(error.message, "pg_hba.conf")) {
        return {Code::policy_denied,
                error.message,
                "On the database's host: add \"hostssl all all GATEWAY/32 scram-sha-256 "
                "clientcert=verify-full\" to pg_hba.conf with the gateway's address, then: select "
                "pg_reload_conf()",
                {}};
    }
    if (has(error.message, "certificate")) {
        return {Code::wrong_server_identity,
                error.message,
                fmt::format(
                    "PostgreSQL must trust the user CA (ssl_ca_file), and the database user must be the "
                    "certificate's name, {}; else map names (map=… in pg_hba.conf, pg_ident.conf) and set "
                    "user_map = true for {} in ca.toml.",
                    user, service),
                {}};
    }
    if (has(error.message, "password authentication failed")) {
        return {Code::policy_denied,
                error.message,
                fmt::format("The password is the one in PostgreSQL, not the login's: check PGPASSWORD and "
                            "~/.pgpass. A new one: alter role {} password '…'",
                            user),
                {}};
    }
    if (has(error.message, "database \"") && has(error.message, "does not exist")) {
        return {Code::not_found, error.message, "Name the database: --database NAME", {}};
    }
    if (has(error.message, "permission denied for database")) {
        return {Code::policy_denied,
                error.message,
                fmt::format("Name another database (--database NAME), or let the owner: grant connect on "
                            "database … to {}",
                            user),
                {}};
    }
    if (error.sqlstate == "28000" || error.sqlstate == "28P01" || has(error.message, "role \"")) {
        return {Code::policy_denied,
                error.message,
                fmt::format("On the database's host: create role {} login password '…'", user),
                {}};
    }
    if (error.sqlstate == "53300" || has(error.message, "too many")) {
        return {Code::limit_reached, error.message, "Close sessions, or raise max_connections.", {}};
    }
    if (error.sqlstate == "57P03") {
        return {Code::backend_unreachable, error.message, "Wait until PostgreSQL has started.", {}};
    }
    return {Code::internal, error.message, "Look into PostgreSQL's log.", {}};
}

}  // namespace postern::client

// What `postern doctor` finds: one finding a step, each a tick, or a cause and a remedy. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "client-proxy/refusal/refusal.hpp"
#include "postgres/error_response.hpp"

namespace postern::client {

struct Finding {
    enum class State {
        good,
        bad,
        /// Not looked at: something before it failed.
        skipped,
    };
    /// "ca.tls", "gateway.gw1.policy"
    std::string step;
    State state = State::good;
    /// What was found, or the cause.
    std::string detail;
    std::string remedy;
};

class DiagnosticReport {
public:
    void good(std::string step, std::string detail);
    void bad(std::string step, const Refusal& refusal);
    void skip(std::string step, std::string why);

    const std::vector<Finding>& findings() const noexcept { return findings_; }
    /// 0, or the exit code of the first trouble.
    int exit_code() const noexcept { return exit_code_; }
    nlohmann::json to_json() const;

private:
    std::vector<Finding> findings_;
    int exit_code_ = 0;
};

/// For people: one line for each finding, with its remedy on the next.
std::string to_text(const std::vector<Finding>& findings, bool has_color, bool has_unicode);

/// Whether the agent or a gateway refused, and not PostgreSQL.
bool is_told_by_postern(const postgres::ErrorFields& error);

/// What PostgreSQL's own refusal means, and what to do about it. What the agent or a gateway refused is told
/// as they told it.
Refusal explain(const postgres::ErrorFields& error, std::string_view service, std::string_view user);

}  // namespace postern::client

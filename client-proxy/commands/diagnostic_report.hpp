// The findings of `postern doctor`: one for each step, which is good, or has a cause and a remedy. It does no
// I/O.
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
        /// Not checked, because an earlier step failed.
        skipped,
    };
    /// The name of the step, for example "ca.tls" or "gateway.gw1.policy".
    std::string step;
    State state = State::good;
    /// What was found, or the cause of the trouble.
    std::string detail;
    std::string remedy;
};

class DiagnosticReport {
public:
    void good(std::string step, std::string detail);
    void bad(std::string step, const Refusal& refusal);
    void skip(std::string step, std::string why);

    const std::vector<Finding>& findings() const noexcept { return findings_; }
    /// 0, or the exit code of the first finding that is bad.
    int exit_code() const noexcept { return exit_code_; }
    nlohmann::json to_json() const;

private:
    std::vector<Finding> findings_;
    int exit_code_ = 0;
};

/// The text for people: one line for each finding, followed by a line with its remedy.
std::string to_text(const std::vector<Finding>& findings, bool has_color, bool has_unicode);

/// Whether the error comes from the agent or a gateway, and not from PostgreSQL.
bool is_told_by_postern(const postgres::ErrorFields& error);

/// Explains a refusal by PostgreSQL and what to do about it. A refusal by the agent or a gateway is returned
/// in their own words.
Refusal explain(const postgres::ErrorFields& error, std::string_view service, std::string_view user);

}  // namespace postern::client

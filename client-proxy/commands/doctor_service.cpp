#include "client-proxy/commands/doctor_service.hpp"

#include <utility>

#include <fmt/format.h>

#include "client-proxy/commands/database_probe.hpp"
#include "client-proxy/commands/psql_probe.hpp"
#include "client-proxy/control/agent_client.hpp"

namespace postern::client {

namespace {

using nlohmann::json;

/// Whether the service has a port for the person's programs. The query then uses this port, because ~/.pgpass
/// may name it.
bool has_port(control::AgentClient& agent, const std::string& service) {
    const auto state = agent.call("state");
    if (!state) {
        return false;
    }
    for (const auto& known : (*state)["services"]) {
        if (known.value("name", std::string()) == service) {
            return known["port"].is_number() && known.value("mode", std::string()) == "end_to_end";
        }
    }
    return false;
}

/// Runs a query, because only with the password does PostgreSQL say whether the certificate belongs to
/// another user.
void check_query(DiagnosticReport& report, const std::string& step, unsigned short port,
                 const std::string& service, const std::string& user, const std::string& database) {
    const PsqlAnswer answer = ask_psql(port, user, database);
    switch (answer.kind) {
        case PsqlAnswer::Kind::answered:
            report.good(step, fmt::format("a query ran as {} in the database {}", user, database));
            return;
        case PsqlAnswer::Kind::no_psql:
            report.skip(step, "there is no psql here to run a query with");
            return;
        case PsqlAnswer::Kind::no_password:
            report.skip(
                step, "your database password is not at hand: with PGPASSWORD or ~/.pgpass a query is tried");
            return;
        case PsqlAnswer::Kind::refused:
            break;
    }
    postgres::ErrorFields error;
    error.message = answer.message;
    report.bad(step, explain(error, service, user));
}

}  // namespace

void judge_authentication(DiagnosticReport& report, const std::string& step, std::uint32_t code,
                          const std::string& user) {
    switch (code) {
        case 0:
            return report.good(step, fmt::format("it lets {} in without a password", user));
        case 3:
            return report.good(step, "it goes on to ask for the password (method password, inside TLS)");
        case 5:
            return report.good(step,
                               "it goes on to ask for the password (method md5; scram-sha-256 is safer)");
        case 10:
            return report.good(step, "it goes on to ask for the password (method scram-sha-256)");
        default:
            report.bad(step,
                       Refusal{Code::policy_denied,
                               fmt::format("it asks for a kind of login that needs more than a password "
                                           "(code {}: Kerberos or SSPI)",
                                           code),
                               "On the database's host: let the line in pg_hba.conf say \"scram-sha-256 "
                               "clientcert=verify-full\", then: select pg_reload_conf()",
                               {}});
    }
}

void check_service(DiagnosticReport& report, const std::string& service, const std::string& user,
                   const std::string& database) {
    const std::string name = "service." + service;
    auto agent = control::AgentClient::find_or_start();
    if (!agent) {
        report.bad("agent", agent.error());
        return;
    }
    json parameters = {{"service", service}, {"hold", true}};
    if (!has_port(*agent, service)) {
        parameters["port"] = 0;
    }
    const auto opened = agent->call("connect", parameters);
    if (!opened) {
        report.bad(name + ".port", opened.error());
        return;
    }
    const json& place = (*opened)["opened"];
    const auto port = place["port"].get<unsigned short>();
    report.good(name + ".port", fmt::format("localhost:{}", port));
    if (place.value("mode", std::string()) != "end_to_end") {
        report.skip(name + ".backend", "it is not PostgreSQL: only its own program can tell");
        return;
    }
    const std::string known = place.value("database", std::string());
    const std::string wanted = !database.empty() ? database : known.empty() ? "postgres" : known;
    const auto answer = probe_database(port, user, wanted);
    if (!answer) {
        report.bad(name + ".backend", answer.error());
        return;
    }
    if (answer->error && is_told_by_postern(*answer->error)) {
        report.bad(name + ".backend", explain(*answer->error, service, user));
        report.skip(name + ".postgres", "it is not reached");
        return;
    }
    report.good(name + ".backend", fmt::format("the gateway reaches PostgreSQL, and that is {}", service));
    if (answer->error) {
        report.bad(name + ".postgres", explain(*answer->error, service, user));
        return;
    }
    judge_authentication(report, name + ".postgres", answer->authentication, user);
    check_query(report, name + ".query", port, service, user, wanted);
}

}  // namespace postern::client

#include "client-proxy/commands/cli.hpp"

#include <string>

#include <CLI/CLI.hpp>

#include "base/log.hpp"
#include "base/process.hpp"
#include "client-proxy/commands/commands.hpp"

namespace postern::client {

namespace {

void add_login_choice(CLI::App& command, LoginChoice& choice) {
    const auto group = "Certificate files instead of the profile's login (shown as they are, never renewed)";
    command.add_option("--cert", choice.certificate, "PEM file: certificate, then its issuers")->group(group);
    command.add_option("--key", choice.key, "PEM file of its key, mode 0600")->group(group);
    command.add_option("--server-ca", choice.server_ca, "PEM file of the server CA instead of the profile's")
        ->group(group);
    command.add_option("--trust-domain", choice.trust_domain, "Trust domain instead of the profile's")
        ->group(group);
    command
        .add_option("--gateway", choice.gateways,
                    "NAME=HOST:PORT instead of the catalogue's; may be repeated")
        ->group(group)
        ->expected(1)
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
}

void add_login_options(CLI::App& command, LoginOptions& login) {
    command.add_option("--user", login.user, "Login name (remembered; asked for otherwise)");
    command.add_flag("--password-stdin", login.takes_password_from_stdin,
                     "Read the password from standard input");
    command.add_option("--password-file", login.password_file,
                       "Read the password from this file, mode 0600 (else from the systemd credential "
                       "postern-password, where there is one)");
    command.add_flag("--non-interactive", login.is_non_interactive, "Never ask anything");
}

}  // namespace

int run_cli(int argc, char** argv, mode_t umask) {
    CLI::App app(
        "Postern: PostgreSQL on localhost, through mutual TLS, with a login certificate that lives for an "
        "hour.",
        "postern");
    app.set_version_flag("--version", "postern " + std::string(version()));
    app.require_subcommand(1);
    app.footer(
        "Begin with:  postern login --ca https://ca.example.org:7444 --fingerprint sha256:HEX\n"
        "then:        postern connect orders-db");
    int code = 0;

    LoginOptions login;
    CLI::App* const login_command =
        app.add_subcommand("login", "Log in at the CA service; keeps a certificate that renews itself");
    login_command->add_option("--ca", login.ca, "https://HOST:PORT of the CA service (remembered)");
    login_command->add_option("--fingerprint", login.fingerprint, "sha256:HEX of its server CA (remembered)");
    add_login_options(*login_command, login);
    login_command->callback([&] { code = log_in(login); });

    CLI::App* const logout_command =
        app.add_subcommand("logout", "End the login session; its certificates are worth nothing after");
    logout_command->callback([&] { code = log_out(); });

    bool as_json = false;
    CLI::App* const status_command = app.add_subcommand(
        "status", "Who is logged in, until when, and which ports are open (exit code 4: nobody)");
    status_command->add_flag("--json", as_json, "As JSON");
    status_command->callback([&] { code = show_status(as_json); });

    CLI::App* const services_command = app.add_subcommand("services", "What you may connect to");
    services_command->add_flag("--json", as_json, "As JSON");
    services_command->callback([&] { code = show_services(as_json); });

    ConnectOptions connect_options;
    CLI::App* const connect_command =
        app.add_subcommand("connect", "Open local ports to services, until Ctrl-C");
    connect_command->add_option(
        "service", connect_options.end_to_end,
        "SERVICE or SERVICE:PORT; PostgreSQL end to end, for clients without certificates");
    connect_command
        ->add_option(
            "--passthrough", connect_options.passthrough,
            "SERVICE or SERVICE:PORT; bytes untouched: clients with TLS of their own, other protocols")
        ->expected(1)
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
    connect_command->add_flag("--background", connect_options.is_background,
                              "Leave the ports open and return; see: postern disconnect");
    connect_command->add_flag("--service-file", connect_options.writes_service_file,
                              "Also write ~/.pg_service.conf, so that psql service=SERVICE works");
    connect_command->add_flag("--wait", connect_options.is_patient,
                              "Wait for the CA service where it cannot be reached yet");
    connect_command->add_flag("--json", connect_options.as_json, "One JSON object a line");
    connect_command->add_flag("--unsafe-any-local-user", connect_options.admits_other_users,
                              "Let other users of this machine use the ports, with your login");
    add_login_options(*connect_command, connect_options.login);
    add_login_choice(*connect_command, connect_options.files);
    connect_command->callback([&] { code = connect(connect_options); });

    std::string closed_service;
    CLI::App* const disconnect_command =
        app.add_subcommand("disconnect", "Close a service's local ports and what goes through them");
    disconnect_command->add_option("service", closed_service, "SERVICE")->required();
    disconnect_command->add_flag("--json", as_json, "As JSON");
    disconnect_command->callback([&] { code = disconnect(closed_service, as_json); });

    RunOptions psql;
    psql.umask = umask;
    CLI::App* const psql_command =
        app.add_subcommand("psql", "Run psql on a service: postern psql SERVICE -- ARGUMENTS");
    psql_command->add_option("service", psql.service, "SERVICE")->required();
    psql_command->add_option("arguments", psql.command, "Arguments of psql, behind --");
    add_login_options(*psql_command, psql.login);
    add_login_choice(*psql_command, psql.files);
    psql_command->callback([&] {
        psql.command.insert(psql.command.begin(), "psql");
        code = run_with_service(psql);
    });

    RunOptions run;
    run.umask = umask;
    CLI::App* const run_command = app.add_subcommand(
        "run", "Run a program with PGHOST, PGPORT and PGUSER set: postern run SERVICE -- PROGRAM ARGUMENTS");
    run_command->add_option("service", run.service, "SERVICE")->required();
    run_command->add_option("program", run.command, "Program and its arguments, behind --")->required();
    add_login_options(*run_command, run.login);
    add_login_choice(*run_command, run.files);
    run_command->callback([&] { code = run_with_service(run); });

    WaitOptions wait;
    CLI::App* const wait_command =
        app.add_subcommand("wait", "Until a service's port is open and its PostgreSQL answers");
    wait_command->add_option("service", wait.service, "SERVICE")->required();
    wait_command->add_option("--timeout", wait.timeout, "How long, for example 30s (60s)");
    wait_command->add_option("--database", wait.database, "Database to ask it for (postgres)");
    wait_command->callback([&] { code = wait_for_service(wait); });

    DoctorOptions doctor;
    CLI::App* const doctor_command =
        app.add_subcommand("doctor", "Look for what is wrong, step by step, and say what to do about it");
    doctor_command->add_option("service", doctor.service,
                               "Also look whether this service's PostgreSQL answers");
    doctor_command->add_option("--database", doctor.database, "Database to ask it for (postgres)");
    doctor_command->add_flag("--json", doctor.as_json, "As JSON");
    doctor_command->callback([&] { code = run_doctor(doctor); });

    AgentCommandOptions agent;
    CLI::App* const agent_command = app.add_subcommand(
        "agent", "Serve the other commands and the tray; they start it by themselves when it does not run");
    agent_command->add_flag("--on-demand", agent.is_on_demand, "End when nobody has needed it for a while");
    agent_command->add_flag("--stop", agent.stops, "End the agent that runs, with all tunnels");
    agent_command->add_option("--ready-fd", agent.ready_fd, "Descriptor to tell when it serves")->group("");
    agent_command->callback([&] { code = run_agent(agent); });

    if (auto started = start_log("postern", "warn"); !started) {
        return 1;
    }
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? 0 : 2;
    }
    return code;
}

}  // namespace postern::client

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
    login_command->add_option("--user", login.user, "Login name (remembered; asked for otherwise)");
    login_command->add_flag("--password-stdin", login.takes_password_from_stdin,
                            "Read the password from standard input");
    login_command->callback([&] { code = log_in(login); });

    CLI::App* const logout_command =
        app.add_subcommand("logout", "End the login session; its certificates are worth nothing after");
    logout_command->callback([&] { code = log_out(); });

    bool status_as_json = false;
    CLI::App* const status_command =
        app.add_subcommand("status", "Who is logged in, and until when (exit code 4: nobody)");
    status_command->add_flag("--json", status_as_json, "As JSON");
    status_command->callback([&] { code = show_status(status_as_json); });

    bool services_as_json = false;
    CLI::App* const services_command = app.add_subcommand("services", "What you may connect to");
    services_command->add_flag("--json", services_as_json, "As JSON");
    services_command->callback([&] { code = show_services(services_as_json); });

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
    connect_command->add_flag("--json", connect_options.as_json, "One JSON object a line");
    connect_command->add_flag("--unsafe-any-local-user", connect_options.admits_other_users,
                              "Let other users of this machine use the ports, with your login");
    add_login_choice(*connect_command, connect_options.login);
    connect_command->callback([&] { code = connect(connect_options); });

    PsqlOptions psql;
    psql.umask = umask;
    CLI::App* const psql_command =
        app.add_subcommand("psql", "Run psql on a service: postern psql SERVICE -- ARGUMENTS");
    psql_command->add_option("service", psql.service, "SERVICE")->required();
    psql_command->add_option("arguments", psql.arguments, "Arguments of psql, behind --");
    add_login_choice(*psql_command, psql.login);
    psql_command->callback([&] { code = run_psql(psql); });

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

#include "client-proxy/commands/cli.hpp"

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "base/log.hpp"
#include "base/process.hpp"
#include "base/spelling.hpp"
#include "client-proxy/commands/commands.hpp"
#include "client-proxy/commands/terminal.hpp"

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
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
        // The option takes one value each time; the next word is not another value.
        ->allow_extra_args(false);
}

void add_login_options(CLI::App& command, LoginOptions& login) {
    command.add_option("--ca", login.ca,
                       "https://HOST:PORT of the CA service (remembered; asked for otherwise)");
    command.add_option("--fingerprint", login.fingerprint,
                       "sha256:HEX of its server CA (remembered; shown, to be compared, otherwise)");
    command.add_option("--user", login.user, "Login name (remembered; asked for otherwise)");
    command.add_flag("--password-stdin", login.takes_password_from_stdin,
                     "Read the password from standard input");
    command.add_option("--password-file", login.password_file,
                       "Read the password from this file, mode 0600 (else from the systemd credential "
                       "postern-password, where there is one)");
    command.add_flag("--non-interactive", login.is_non_interactive, "Never ask anything");
}

/// The known words that are compared with a mistyped one: the commands, or the options of one command.
std::vector<std::string> commands_of(const CLI::App& app) {
    std::vector<std::string> names;
    for (const auto* command : app.get_subcommands([](const CLI::App*) { return true; })) {
        names.push_back(command->get_name());
    }
    return names;
}
std::vector<std::string> options_of(const CLI::App& command) {
    std::vector<std::string> names;
    for (const auto* option : command.get_options()) {
        for (const auto& name : option->get_lnames()) {
            names.push_back("--" + name);
        }
    }
    return names;
}

/// Prints what is wrong with the command line, in the form of the other errors.
int tell_wrong_use(const CLI::App& app, const CLI::ParseError& error, int argc, char** argv) {
    const auto chosen = app.get_subcommands();
    const auto meant = [](const std::string& word, const std::vector<std::string>& known) {
        const std::string near = nearest_word(word, known);
        return near.empty() ? std::string() : fmt::format("; did you mean '{}'?", near);
    };
    if (chosen.empty()) {
        const std::string first = argc > 1 ? argv[1] : "";
        if (first.empty()) {
            return fail_usage("what is to be done?", "See the commands: postern --help");
        }
        const bool is_option = first.starts_with('-');
        return fail_usage(fmt::format("there is no {} '{}'{}", is_option ? "option" : "command", first,
                                      meant(first, is_option ? options_of(app) : commands_of(app))),
                          "See what there is: postern --help");
    }
    const std::string& command = chosen.front()->get_name();
    const std::string hint = fmt::format("See how it is used: postern {} --help", command);
    for (const auto& left : chosen.front()->remaining()) {
        if (left.starts_with("--") && left != "--") {
            return fail_usage(
                fmt::format("{} has no option {}{}", command, left, meant(left, options_of(*chosen.front()))),
                hint);
        }
    }
    return fail_usage(fmt::format("postern {}: {}", command, error.what()), hint);
}

/// The number of words before "--". The words after it belong to another program and must not be changed;
/// CLI11 would read "[a,b]" as a list.
int own_words(int argc, char** argv) {
    return static_cast<int>(std::find(argv, argv + argc, std::string_view("--")) - argv);
}

/// Turns `postern help` and `postern help COMMAND` into --help.
std::vector<char*> with_help_option(int argc, char** argv) {
    static char help_option[] = "--help";
    std::vector<char*> words(argv, argv + argc);
    if (argc > 1 && words[1] == std::string_view("help")) {
        words.erase(words.begin() + 1);
        words.insert(words.begin() + std::min<std::ptrdiff_t>(2, std::ssize(words)), help_option);
    }
    return words;
}

bool runs_a_program(int argc, char** argv) {
    return argc > 1 && (argv[1] == std::string_view("psql") || argv[1] == std::string_view("run"));
}

}  // namespace

int run_cli(int argument_count, char** arguments, const Inherited& inherited) {
    std::vector<char*> words = with_help_option(argument_count, arguments);
    const int argc = static_cast<int>(words.size());
    char** const argv = words.data();
    CLI::App app(
        "Postern: PostgreSQL on localhost, through mutual TLS, with a login certificate that lives for an "
        "hour.",
        "postern");
    app.set_version_flag("--version", "postern " + std::string(version()));
    std::optional<int> explained;
    app.add_option_function<std::string>(
           "--explain",
           [&](const std::string& reason) {
               explained = explain(reason);
               throw CLI::Success();
           },
           "What a reason means that a message or a log names, for example policy_denied; all: each of them")
        ->type_name("REASON")
        ->trigger_on_parse();
    app.require_subcommand(1);
    app.footer(
        "Begin with:  postern psql orders-db       asks for what it needs: CA service, login, password\n"
        "or:          postern connect orders-db    keeps localhost:5432 open for other programs\n"
        "and see:     man postern, postern doctor orders-db");
    int code = 0;
    const int own = runs_a_program(argc, argv) ? own_words(argc, argv) : argc;
    set_json_failures(!runs_a_program(argc, argv) &&
                      std::find(argv, argv + argc, std::string_view("--json")) != argv + argc);
    const std::vector<std::string> behind(argv + std::min(own + 1, argc), argv + argc);

    LoginOptions login;
    CLI::App* const login_command =
        app.add_subcommand("login", "Log in at the CA service; keeps a certificate that renews itself");
    add_login_options(*login_command, login);
    bool as_json = false;
    login_command->add_flag("--json", as_json, "As JSON");
    login_command->callback([&] { code = log_in(login, as_json); });

    CLI::App* const logout_command =
        app.add_subcommand("logout", "End the login session; its certificates are worth nothing after");
    logout_command->add_flag("--json", as_json, "As JSON");
    logout_command->callback([&] { code = log_out(as_json); });

    CLI::App* const status_command = app.add_subcommand(
        "status", "Who is logged in, until when, and which ports are open (exit code 4: nobody)");
    status_command->add_flag("--json", as_json, "As JSON");
    status_command->callback([&] { code = show_status(as_json); });

    CLI::App* const services_command = app.add_subcommand("services", "What you may connect to");
    services_command->add_flag("--json", as_json, "As JSON");
    bool names_alone = false;
    services_command->add_flag("--names", names_alone,
                               "The names alone, as far as they are known here; asks nobody");
    services_command->callback([&] { code = names_alone ? name_services() : show_services(as_json); });

    ConnectOptions connect_options;
    CLI::App* const connect_command =
        app.add_subcommand("connect", "Open local ports to services, until Ctrl-C");
    connect_command->add_option("service", connect_options.services,
                                "SERVICE or SERVICE:PORT; PostgreSQL end to end, for clients without "
                                "certificates, else passed through");
    connect_command
        ->add_option(
            "--passthrough", connect_options.passthrough,
            "SERVICE or SERVICE:PORT; bytes untouched: clients with TLS of their own, other protocols")
        ->expected(1)
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
        // The option takes one value each time; the next word is not another value.
        ->allow_extra_args(false);
    connect_command->add_flag("--background", connect_options.is_background,
                              "Leave the ports open and return; see: postern disconnect");
    connect_command->add_flag("--service-file", connect_options.writes_service_file,
                              "Also write ~/.pg_service.conf, so that psql service=SERVICE works");
    connect_command->add_option("--database", connect_options.database,
                                "Database for the lines to paste and the service file (remembered)");
    connect_command->add_flag("--own-agent", connect_options.owns_agent,
                              "End the agent with this command: in a container, where nothing else needs it");
    connect_command->add_flag("--wait", connect_options.is_patient,
                              "Wait for the CA service where it cannot be reached yet");
    connect_command
        ->add_option("--warm", connect_options.warm,
                     "How many connections to the gateway to keep ready (0: none)")
        ->check(CLI::Range(0, 256));
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
    psql.inherited = inherited;
    CLI::App* const psql_command =
        app.add_subcommand("psql", "Run psql on a service: postern psql SERVICE -d DATABASE, or any other "
                                   "argument of psql behind SERVICE");
    psql_command->add_option("service", psql.service, "SERVICE")->required();
    // From the first word that is not one of its own options on, all words belong to psql.
    psql_command->prefix_command();
    psql_command->add_flag("--tcp", psql.uses_tcp, "Through localhost, and not the agent's Unix socket");
    add_login_options(*psql_command, psql.login);
    add_login_choice(*psql_command, psql.files);
    psql_command->callback([&] {
        psql.command = psql_command->remaining();
        psql.command.insert(psql.command.begin(), "psql");
        psql.command.insert(psql.command.end(), behind.begin(), behind.end());
        code = run_with_service(psql);
    });

    RunOptions run;
    run.inherited = inherited;
    CLI::App* const run_command = app.add_subcommand(
        "run", "Run a program with PGHOST, PGPORT and PGUSER set: postern run SERVICE -- PROGRAM ARGUMENTS");
    run_command->add_option("service", run.service, "SERVICE")->required();
    run_command->prefix_command();
    run_command->add_flag("--tcp", run.uses_tcp,
                          "PGHOST is localhost, for programs that know no Unix socket");
    add_login_options(*run_command, run.login);
    add_login_choice(*run_command, run.files);
    run_command->callback([&] {
        run.command = run_command->remaining();
        run.command.insert(run.command.end(), behind.begin(), behind.end());
        code = run.command.empty()
                   ? fail_usage("run which program?", "postern run SERVICE -- PROGRAM ARGUMENTS")
                   : run_with_service(run);
    });

    WaitOptions wait;
    CLI::App* const wait_command =
        app.add_subcommand("wait", "Until a service's port is open and its PostgreSQL answers");
    wait_command->add_option("service", wait.service, "SERVICE")->required();
    wait_command->add_option("--timeout", wait.timeout, "How long, for example 30s (60s)");
    wait_command->add_option("--database", wait.database,
                             "Database to ask it for (the one used last, else postgres)");
    wait_command->add_flag("--json", wait.as_json, "As JSON");
    wait_command->callback([&] { code = wait_for_service(wait); });

    DoctorOptions doctor;
    CLI::App* const doctor_command =
        app.add_subcommand("doctor", "Look for what is wrong, step by step, and say what to do about it");
    doctor_command->add_option("service", doctor.service,
                               "Also look whether this service's PostgreSQL answers");
    doctor_command->add_option("--database", doctor.database,
                               "Database to ask it for (the one used last, else postgres)");
    doctor_command->add_option("--ca", doctor.ca,
                               "Before the first login: https://HOST:PORT of the CA service to look at");
    doctor_command->add_flag("--json", doctor.as_json, "As JSON");
    doctor_command->callback([&] { code = run_doctor(doctor); });

    EventsOptions events;
    CLI::App* const events_command =
        app.add_subcommand("events", "What became of connections and of the login, as the agent noted it");
    events_command->add_option("service", events.service, "Of this service alone");
    events_command->add_option("--connection", events.connection,
                               "Of the connection with this id; says where to look on");
    events_command->add_option("--limit", events.most, "At most so many, the newest (50)")
        ->check(CLI::Range(1, 100'000));
    events_command->add_flag("--json", events.as_json, "One JSON object a line");
    events_command->callback([&] { code = show_events(events); });

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
        app.parse(own, argv);
    } catch (const CLI::ParseError& error) {
        if (explained) {
            return *explained;
        }
        // --help and --version also arrive here.
        return error.get_exit_code() == 0 ? app.exit(error) : tell_wrong_use(app, error, argc, argv);
    }
    return code;
}

}  // namespace postern::client

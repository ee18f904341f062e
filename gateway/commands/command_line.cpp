#include "gateway/commands/command_line.hpp"

#include <cstdio>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "base/clock.hpp"
#include "base/folder_owner.hpp"
#include "base/log.hpp"
#include "base/printed.hpp"
#include "base/process.hpp"
#include "base/shell_word.hpp"
#include "ca_api/enrolment.hpp"
#include "ca_api/fingerprint.hpp"
#include "gateway/commands/admin_commands.hpp"
#include "gateway/commands/ca_list.hpp"
#include "gateway/commands/cli_error.hpp"
#include "gateway/commands/enroll_command.hpp"
#include "gateway/commands/serve_command.hpp"
#include "gateway/commands/shared_backends.hpp"
#include "gateway/policy/snapshot.hpp"
#include "http/https_url.hpp"

namespace postern::gateway {

namespace {

constexpr const char* kDefaultConfig = "/etc/postern/gateway.toml";
constexpr int kUsage = 2;
constexpr int kBadConfig = 3;

struct Options {
    std::filesystem::path config = kDefaultConfig;
    std::string log_level = "info";
    std::optional<std::string> ca_url;
    std::string fingerprint;
    std::optional<std::string> token;
    std::filesystem::path token_file;
    std::filesystem::path ca_list;
    SessionsQuery sessions;
    std::string connection_id;
};

/// Prints how many connections each PostgreSQL server may get. PostgreSQL shows max_connections only to users
/// who have logged in, so that a person has to compare the two.
void print_places(const Policy& policy) {
    struct Places {
        std::string services;
        std::size_t connections = 0;
    };
    std::map<std::string, Places> by_backend;
    for (const Service& service : policy.services()) {
        if (service.protocol == Protocol::postgres) {
            Places& places = by_backend[service.backend.text()];
            places.services += (places.services.empty() ? "" : ", ") + service.name;
            places.connections += service.bounds.connections;
        }
    }
    for (const auto& [backend, places] : by_backend) {
        say("note: up to {} connections to {} ({}); with those of other gateways they must be fewer than its "
            "max_connections\n",
            places.connections, backend, places.services);
    }
}

/// Prints where the CA's list differs from the services that are served here, and returns the exit code.
int compare_with_ca(const std::filesystem::path& list, const Snapshot& snapshot) {
    const auto text = read_ca_list(list);
    const auto differences = text ? differences_from_ca(*text, snapshot.settings.policy.services())
                                  : Result<std::vector<std::string>>(text.error());
    if (!differences) {
        return cli_error("cannot read what the CA lists", differences.error());
    }
    if (differences->empty()) {
        say("The CA lists the same.\n");
        return 0;
    }
    for (const std::string& difference : *differences) {
        print_error("the CA lists otherwise", difference, {});
    }
    return kBadConfig;
}

int check_config(const Options& options) {
    auto snapshot = Snapshot::load(options.config);
    if (!snapshot) {
        return cli_error("the configuration is not good", snapshot.error());
    }
    for (const std::string& warning : (*snapshot)->warnings(system_clock()())) {
        say_to(stderr, "postern-gateway: warning: {}\n", warning);
    }
    for (const std::string& note : notes_on_shared_backends((*snapshot)->settings.policy)) {
        say("note: {}\n", note);
    }
    const std::size_t services = (*snapshot)->settings.policy.services().size();
    say("{}: good: gateway {}, {} {}\n", options.config.string(), (*snapshot)->settings.name, services,
        services == 1 ? "service" : "services");
    print_places((*snapshot)->settings.policy);
    return options.ca_list.empty() ? 0 : compare_with_ca(options.ca_list, **snapshot);
}

int wrong_use(std::string_view what, const Failure& failure, std::string_view hint) {
    print_error(what, failure.detail, hint);
    return kUsage;
}

int enroll_command(Options& options) {
    // These options are checked before a person is asked for the token.
    std::optional<http::HttpsUrl> ca_url;
    if (options.ca_url) {
        auto parsed = http::HttpsUrl::parse(*options.ca_url);
        if (!parsed) {
            return wrong_use("cannot understand --ca", parsed.error(), "the CA's administrator knows its address");
        }
        ca_url = *std::move(parsed);
    }
    auto fingerprint = ca_api::Fingerprint::parse(options.fingerprint);
    if (!fingerprint) {
        return wrong_use("cannot understand --fingerprint", fingerprint.error(),
                         "postern-ca fingerprint, on the CA machine, prints it");
    }
    auto token = ca_api::read_token(options.token, options.token_file);
    if (!token) {
        return wrong_use("there is no token", token.error(), ca_api::kTokenHint);
    }
    const auto enrolled =
        enroll(Enrolment{options.config, std::move(ca_url), *std::move(fingerprint), *std::move(token)});
    if (!enrolled) {
        return cli_error("cannot enroll", enrolled.error());
    }
    say("enrolled; try the configuration with: postern-gateway check-config --config {}\n",
        options.config.string());
    return 0;
}

}  // namespace

int run_command_line(int argc, char** argv) {
    Options options;
    CLI::App app("The gateway of Postern: mutual TLS in, authorization, PostgreSQL out", "postern-gateway");
    app.set_version_flag("--version", std::string(version()));
    app.require_subcommand(1);
    app.fallthrough();
    const auto* const config =
        app.add_option("--config", options.config, "The configuration file")->capture_default_str();
    app.add_option("--log-level", options.log_level, "trace, debug, info, warn or error")
        ->capture_default_str();

    CLI::App* const serve =
        app.add_subcommand("serve", "Serve until SIGTERM; SIGHUP reloads the configuration");
    CLI::App* const check =
        app.add_subcommand("check-config", "Read the configuration and the files that it names");
    check->add_option(
        "--ca-list", options.ca_list,
        "Compare with what the CA lists: a file with the output of postern-ca check-config --json; "
        "-: standard input");
    CLI::App* const enroll =
        app.add_subcommand("enroll", "Redeem a one-time token for the gateway's certificate");
    std::string given_url;
    auto* const ca = enroll->add_option("--ca", given_url, "The CA service, https://…; default: [ca] url");
    enroll
        ->add_option("--fingerprint", options.fingerprint,
                     "sha256:… of the server root (postern-ca fingerprint)")
        ->required();
    std::string given_token;
    auto* const token = enroll->add_option(
        "--token", given_token, "The token; other users of this machine can see it in the process list");
    enroll
        ->add_option("--token-file", options.token_file,
                     "The file that holds the token; default: POSTERN_TOKEN in the environment, then standard input")
        ->excludes(token);
    CLI::App* const sessions = app.add_subcommand("sessions", "List who is connected, to what, since when");
    sessions->add_option("--user", options.sessions.user, "Only this user's");
    sessions->add_option("--service", options.sessions.service, "Only those to this service");
    CLI::App* const kill =
        app.add_subcommand("kill", "End one connection, or those of a user or to a service; the audit log tells "
                                   "who asked for it");
    auto* const id =
        kill->add_option("ID", options.connection_id, "The connection's id, from: postern-gateway sessions");
    kill->add_option("--user", options.sessions.user, "All of this user's")->excludes(id);
    kill->add_option("--service", options.sessions.service, "All to this service; with --user: of that user")
        ->excludes(id);
    for (CLI::App* const command : {sessions, kill}) {
        command->add_flag("--json", options.sessions.is_json, "Print JSON");
    }
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        if (error.get_exit_code() == 0) {
            return app.exit(error);
        }
        say_to(stderr, "postern-gateway: error: cannot understand the command line: {}\n", error.what());
        say_to(stderr, "hint: see postern-gateway --help\n");
        return kUsage;
    }
    // An option that was given with an empty value was still given.
    if (ca->count() > 0) {
        options.ca_url = given_url;
    }
    if (token->count() > 0) {
        options.token = given_token;
    }
    if (config->count() > 0) {
        set_own_options("--config " + shell_word(options.config.string()));
    }
    if (auto started = start_log("postern-gateway", options.log_level); !started) {
        cli_error("cannot start", started.error());
        return kUsage;
    }
    options.config = std::filesystem::absolute(options.config);
    // As root, the program reads no configuration that another user can write, and no folder of another user:
    // it becomes that user first.
    if (const auto became = become_owner_of(options.config);
        !became && became.error().code != Code::not_found) {
        return cli_error("nothing was done", became.error());
    }
    if (serve->parsed()) {
        return serve_command(options.config);
    }
    if (sessions->parsed()) {
        return sessions_command(options.config, options.sessions);
    }
    if (kill->parsed() && options.connection_id.empty()) {
        return kill_all_command(options.config, options.sessions);
    }
    if (kill->parsed()) {
        return kill_command(options.config, options.connection_id, options.sessions.is_json);
    }
    return check->parsed() ? check_config(options) : enroll_command(options);
}

}  // namespace postern::gateway

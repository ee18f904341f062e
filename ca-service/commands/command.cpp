#include "ca-service/commands/command.hpp"

#include <cstdio>
#include <memory>
#include <stdexcept>

#include <fmt/format.h>

#include "base/folder_owner.hpp"
#include "base/log.hpp"
#include "base/own_commands.hpp"
#include "base/printed.hpp"
#include "base/process.hpp"
#include "base/shell_word.hpp"
#include "base/shown_text.hpp"
#include "base/trusted_path.hpp"
#include "ca-service/change_log.hpp"
#include "ca-service/commands/init_marker.hpp"
#include "ca-service/commands/run.hpp"
#include "ca-service/store_age.hpp"

namespace postern::ca::commands {

namespace {

constexpr const char* kDescription =
    "The Postern CA service: logins in, short-lived certificates out.\n"
    "\n"
    "A new CA in three commands:\n"
    "  postern-ca init --name ca.example.org\n"
    "  postern-ca user add alice --group analysts\n"
    "  postern-ca serve";

int tell(const CommandError& error, std::string_view own_options = {}) {
    fmt::print(stderr, "postern-ca: error: {}\n", shown_lines(error.message));
    if (!error.hint.empty()) {
        say_to(stderr, "hint: {}\n", with_own_options(error.hint, "postern-ca", own_options));
    }
    return static_cast<int>(error.exit);
}

std::string command_path(const CLI::App& app) {
    std::string path = app.get_name();
    for (const CLI::App* chosen : app.get_subcommands()) {
        path += " " + command_path(*chosen);
    }
    return path;
}

}  // namespace

void throw_exception_from_error(const CommandError& error, const boost::source_location& where) {
    throw std::logic_error(
        fmt::format("{}:{}: value of a failed outcome: {}", where.file_name(), where.line(), error.message));
}

CommandError command_error(std::string_view what, const Failure& failure) {
    CommandError error;
    error.message = fmt::format("{}: {}", what, failure.detail.empty() ? name(failure.code) : failure.detail);
    switch (failure.code) {
        case Code::config_invalid:
            error.exit = Exit::config_invalid;
            error.hint = "correct this and run the command again";
            break;
        case Code::unavailable:
            error.hint = "another process holds the store's lock; try again in a moment";
            break;
        case Code::audit_unavailable:
            error.hint =
                "nothing was changed, since it could not be recorded; see to the audit log and run it again";
            break;
        case Code::not_found:
            error.hint = "postern-ca user list and postern-ca cert list say what there is";
            break;
        case Code::limit_reached:
            error.hint = "take the user out of another group first: postern-ca group remove USER GROUP";
            break;
        case Code::out_of_resources:
            error.hint = "close programs, or raise the limit: LimitNOFILE= in the unit, ulimit -n in a shell";
            break;
        case Code::unreachable:
        case Code::timed_out:
        case Code::end_of_stream:
        case Code::not_tls:
            error.hint = "see that the CA service runs and that its address is right";
            break;
        case Code::io_failed:
            error.hint =
                "check the permissions and the free space of the CA's folder; the CA's user or root may use "
                "it";
            break;
        default:
            error.hint = "see postern-ca --help";
    }
    if (const auto advice = store::advice_on(failure); !advice.empty()) {
        error.hint = advice;
    }
    return error;
}

std::filesystem::path CommandLine::config() const {
    if (!config_file.empty()) {
        return config_file;
    }
    std::error_code error;
    const bool is_usual = directory == kDefaultDirectory && std::filesystem::exists(kDefaultConfig, error);
    return is_usual ? std::filesystem::path(kDefaultConfig) : directory / "ca.toml";
}

CommandResult<void> become_owner_of_folder(const CommandLine& line) {
    auto became = become_owner_of(line.directory);
    if (became) {
        // Whoever owns the folder decides about a configuration in it, too. A configuration elsewhere must be
        // root's.
        became = check_only_root_decides(line.config());
    }
    if (!became && became.error().code != Code::not_found) {
        return CommandError{
            Exit::failed, became.error().detail,
            "nothing was done; run this as the user whose folder it is, or see that it is one user's alone"};
    }
    return {};
}

CommandResult<void> check_initialized(const CommandLine& line) {
    std::error_code error;
    const bool has_store = std::filesystem::exists(line.store(), error);
    if (error && error.value() == EACCES) {
        return CommandError{Exit::failed,
                            fmt::format("cannot look into {}: {}", line.directory.string(), error.message()),
                            "run this as root or as the user of the CA service"};
    }
    if (is_init_unfinished(line.directory)) {
        return CommandError{
            Exit::failed,
            fmt::format("the CA in {} was never finished: init was interrupted", line.directory.string()),
            "run postern-ca init again; it starts over"};
    }
    if (!has_store) {
        return CommandError{
            Exit::failed, fmt::format("there is no CA in {}", line.directory.string()),
            "make one with postern-ca init --name ca.example.org, or say where it is with --dir DIR"};
    }
    return {};
}

CommandResult<Config> load_config(const CommandLine& line) {
    auto config = Config::load(line.config(), line.directory);
    if (config) {
        return std::move(*config);
    }
    if (config.error().code == Code::not_found) {
        return CommandError{Exit::config_invalid, config.error().detail,
                            "say where the file is with --config FILE"};
    }
    return CommandError{Exit::config_invalid, "the configuration is invalid:\n" + config.error().detail,
                        "correct the lines above; postern-ca check-config looks again"};
}

CommandResult<store::Database> open_store(const CommandLine& line) {
    if (auto initialized = check_initialized(line); !initialized) {
        return initialized.error();
    }
    auto database = store::Database::open_to_read(line.store());
    if (!database) {
        return command_error("the store", database.error());
    }
    return std::move(*database);
}

CommandResult<Administration> administer(const CommandLine& line) {
    auto administration = administer_any_age(line);
    if (!administration) {
        return administration.error();
    }
    const auto age = compare_with_log(administration->database, administration->config.audit_file);
    if (!age) {
        return command_error("the store and the audit log", age.error());
    }
    if (age->is_restored()) {
        return CommandError{
            Exit::failed, told(*age),
            "carry over what the log knows with postern-ca store accept-restore, or put the newer "
            "store back"};
    }
    if (age->is_unfinished()) {
        auto caught_up = catch_up(administration->database, *administration->audit, administration->config,
                                  administration->actor, administration->clock, false);
        if (!caught_up) {
            return command_error("cannot finish the change that was interrupted", caught_up.error());
        }
    }
    return administration;
}

CommandResult<Administration> administer_any_age(const CommandLine& line) {
    if (auto initialized = check_initialized(line); !initialized) {
        return initialized.error();
    }
    auto database = store::Database::open(line.store());
    if (!database) {
        return command_error("the store", database.error());
    }
    auto config = load_config(line);
    if (!config) {
        return config.error();
    }
    auto audit = audit::Log::open(config->audit_log(), system_clock());
    if (!audit) {
        return command_error("the audit log", audit.error());
    }
    const auto logged = std::make_shared<ChangeLogTail>(config->audit_file);
    database->set_newest_recorded([logged] { return logged->newest(); });
    return Administration{std::move(*database), std::move(*audit), std::move(*config),
                          Actor::local_administrator(), system_clock()};
}

CommandResult<void> Administration::apply(std::string_view what, const audit::Record& record,
                                          const std::function<Result<void>(store::Database&)>& change) {
    auto transaction = store::Transaction::write(database);
    if (!transaction) {
        return command_error(what, transaction.error());
    }
    if (auto changed = change(database); !changed) {
        return command_error(what, changed.error());
    }
    audit::Record numbered = record;
    if (auto begun = begin_change(database, {&numbered, 1}); !begun) {
        return command_error(what, begun.error());
    }
    if (auto written = audit->append(numbered); !written) {
        return command_error(what, written.error());
    }
    if (auto committed = transaction->commit(); !committed) {
        return command_error(what, committed.error());
    }
    return {};
}

CLI::App* add_command(CLI::App& parent, const std::string& name, const std::string& description) {
    CLI::App* command = parent.add_subcommand(name, description);
    command->fallthrough();
    return command;
}

int run(int argc, char** argv) {
    CommandLine line;
    line.directory = kDefaultDirectory;
    CLI::App app(kDescription, "postern-ca");
    app.set_version_flag("--version", "postern-ca " + std::string(version()));
    const auto* const dir =
        app.add_option("--dir", line.directory, "The folder of the CA: keys, certificates, state")
            ->envname("POSTERN_CA_DIR")
            ->type_name("DIR")
            ->capture_default_str();
    const auto* const config =
        app.add_option(
               "--config", line.config_file,
               "The configuration (default: /etc/postern/ca.toml, or else ca.toml in the CA's folder)")
            ->type_name("FILE");
    app.require_subcommand(1);
    app.get_formatter()->column_width(34);
    add_init(app, line);
    add_serve(app, line);
    add_user(app, line);
    add_group(app, line);
    add_token(app, line);
    add_enroll(app, line);
    add_cert(app, line);
    add_fingerprint(app, line);
    add_check_config(app, line);
    add_store(app, line);
    try {
        app.parse(argc, argv);
    } catch (const CLI::Success& success) {
        return app.exit(success);
    } catch (const CLI::ParseError& error) {
        return tell({Exit::usage, error.what(), "see " + command_path(app) + " --help"});
    }
    std::string own_options;
    for (const auto* const option : {dir, config}) {
        if (option->count() > 0) {
            own_options += fmt::format("{}{} {}", own_options.empty() ? "" : " ", option->get_name(),
                                       shell_word(option->as<std::string>()));
        }
    }
    // This log is for the time until `serve` starts one of its own. What people and scripts read on standard
    // output is the command's.
    if (auto started = start_log("postern-ca", "warn"); !started) {
        return tell(command_error("cannot start", started.error()), own_options);
    }
    if (line.has_folder) {
        // The paths are made absolute, because the user that the program becomes may not be allowed to pass
        // the folder in which it was started.
        line.directory = std::filesystem::absolute(line.directory / "").parent_path();
        line.config_file =
            line.config_file.empty() ? line.config_file : std::filesystem::absolute(line.config_file);
        if (auto became = become_owner_of_folder(line); !became) {
            return tell(became.error(), own_options);
        }
    }
    if (auto outcome = line.run(); !outcome) {
        return tell(outcome.error(), own_options);
    }
    return static_cast<int>(Exit::ok);
}

}  // namespace postern::ca::commands

// What every command of postern-ca shares: where the CA is, how a failure is told, and what an administrative
// change opens.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include <CLI/CLI.hpp>

#include "audit/log.hpp"
#include "base/clock.hpp"
#include "base/result.hpp"
#include "ca-service/audit_trail.hpp"
#include "ca-service/config.hpp"
#include "ca-service/store/database.hpp"

namespace postern::ca::commands {

/// The exit codes of postern-ca.
enum class Exit : int { ok = 0, failed = 1, usage = 2, config_invalid = 3, denied = 4, unreachable = 5 };

/// Why a command failed: two lines for a person, and an exit code.
struct CommandError {
    Exit exit = Exit::failed;
    /// What happened, and why.
    std::string message;
    /// What to do next.
    std::string hint;
};

/// Called by boost::system::result when the value of a failed result is taken.
[[noreturn]] void throw_exception_from_error(const CommandError& error, const boost::source_location& where);

template <class T>
using CommandResult = boost::system::result<T, CommandError>;

/// Returns the error for `failure`. `what` says what could not be done; the exit code and the hint fit the
/// failure's code.
CommandError command_error(std::string_view what, const Failure& failure);

/// The options that may stand before or behind any command, and the command that was chosen.
struct CommandLine {
    std::filesystem::path directory;
    std::filesystem::path config_file;
    /// The command that was named; its callback sets this.
    std::function<CommandResult<void>()> run;
    /// Whether that command works on a CA's folder.
    bool has_folder = true;

    /// Returns the path of ca.toml. For a CA in its usual place it is root's file, outside the folder that
    /// belongs to the service, where there is one.
    std::filesystem::path config() const;
    std::filesystem::path store() const { return directory / "state.db"; }
};

/// The CA's folder and its configuration, where the options name no other.
inline constexpr const char* kDefaultDirectory = "/var/lib/postern-ca";
inline constexpr const char* kDefaultConfig = "/etc/postern/ca.toml";

/// Where root runs the command and the CA's folder belongs to another user, changes to that user for the rest
/// of the process (base/folder_owner.hpp): root does nothing in a folder of the service's user but as that
/// user. Call it before anything of the CA is opened.
CommandResult<void> become_owner_of_folder(const CommandLine& line);

/// Fails unless the folder holds a CA whose `init` has finished.
CommandResult<void> check_initialized(const CommandLine& line);
CommandResult<Config> load_config(const CommandLine& line);
/// Opens the store for reading.
CommandResult<store::Database> open_store(const CommandLine& line);

/// What a command that changes something works with. A running service shares the audit log.
struct Administration {
    store::Database database;
    std::unique_ptr<audit::Log> audit;
    Config config;
    Actor actor;
    Clock clock;

    /// Runs `change` in one transaction and writes `record` before the commit. `what` says what could not be
    /// done if that fails.
    CommandResult<void> apply(std::string_view what, const audit::Record& record,
                              const std::function<Result<void>(store::Database&)>& change);
};
/// Opens everything for a change. Refuses a store that was restored from a backup (store_age.hpp).
CommandResult<Administration> administer(const CommandLine& line);
/// Does the same for the command that accepts such a store.
CommandResult<Administration> administer_any_age(const CommandLine& line);

/// Adds a subcommand to `parent` that lets the global options pass.
CLI::App* add_command(CLI::App& parent, const std::string& name, const std::string& description);

void add_init(CLI::App& app, CommandLine& line);
void add_serve(CLI::App& app, CommandLine& line);
void add_check_config(CLI::App& app, CommandLine& line);
void add_fingerprint(CLI::App& app, CommandLine& line);
void add_user(CLI::App& app, CommandLine& line);
void add_group(CLI::App& app, CommandLine& line);
void add_token(CLI::App& app, CommandLine& line);
void add_enroll(CLI::App& app, CommandLine& line);
void add_cert(CLI::App& app, CommandLine& line);
void add_store(CLI::App& app, CommandLine& line);

}  // namespace postern::ca::commands

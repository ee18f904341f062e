// What every command of postern-ca shares: where the CA is, how an ending is told, and what an administrative
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

enum class Exit : int { ok = 0, failed = 1, usage = 2, config_invalid = 3, denied = 4, unreachable = 5 };

/// Why a command failed: two lines for a person, and an exit code.
struct CommandError {
    Exit exit = Exit::failed;
    /// What happened, and why.
    std::string message;
    /// What to do next.
    std::string hint;
};

[[noreturn]] void throw_exception_from_error(const CommandError& error, const boost::source_location& where);

template <class T>
using CommandResult = boost::system::result<T, CommandError>;

/// The error that fits the failure's code.
CommandError command_error(std::string_view what, const Failure& failure);

/// The options that stand before or behind any command, and what was chosen.
struct CommandLine {
    std::filesystem::path directory;
    std::filesystem::path config_file;
    /// Set by the command that was named.
    std::function<CommandResult<void>()> run;
    /// Whether that command works on a CA's folder.
    bool has_folder = true;

    /// Of the CA in its usual place: root's, outside the folder that belongs to the service, where there is
    /// one.
    std::filesystem::path config() const;
    std::filesystem::path store() const { return directory / "state.db"; }
};

/// Where the CA is, and where its configuration, unless something else is said.
inline constexpr const char* kDefaultDirectory = "/var/lib/postern-ca";
inline constexpr const char* kDefaultConfig = "/etc/postern/ca.toml";

/// Root does nothing in a folder of the service's user but as that user (base/folder_owner): before anything
/// of the CA is opened.
CommandResult<void> become_owner_of_folder(const CommandLine& line);

/// A CA that has been made and not only begun.
CommandResult<void> check_initialized(const CommandLine& line);
CommandResult<Config> load_config(const CommandLine& line);
/// For reading.
CommandResult<store::Database> open_store(const CommandLine& line);

/// What a command that changes something works with. The audit log is shared with a service that runs.
struct Administration {
    store::Database database;
    std::unique_ptr<audit::Log> audit;
    Config config;
    Actor actor;
    Clock clock;

    /// Runs `change` in one transaction and writes `record` before it commits.
    CommandResult<void> apply(std::string_view what, const audit::Record& record,
                              const std::function<Result<void>(store::Database&)>& change);
};
/// Refuses a store that was put back from a backup (store_age.hpp).
CommandResult<Administration> administer(const CommandLine& line);
/// The same for the command that accepts one.
CommandResult<Administration> administer_any_age(const CommandLine& line);

/// A subcommand of `parent` that lets the global options pass.
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

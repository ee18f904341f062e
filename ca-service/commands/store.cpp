// The command postern-ca store: accepts a store that was restored from a backup.

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "base/printed.hpp"
#include "ca-service/commands/command.hpp"
#include "ca-service/store_age.hpp"

namespace postern::ca::commands {

namespace {

struct RestoreOptions {
    bool is_incomplete_accepted = false;
    bool is_json = false;
};

void tell_names(std::string_view what, const std::vector<std::string>& names) {
    if (!names.empty()) {
        say("{}: {}.\n", what, fmt::format("{}", fmt::join(names, ", ")));
    }
}

void tell(const CarriedOver& done) {
    say("Carried over from the audit log: {} certificates, {} revocations, {} login sessions, {} changes of "
        "groups.\n",
        done.certificates, done.revocations, done.sessions, done.group_changes);
    tell_names("Disabled", done.disabled);
    tell_names("Enabled again", done.enabled);
    tell_names("Their password was changed meanwhile and must be set anew (postern-ca user passwd NAME)",
               done.without_password);
    tell_names(
        "Added meanwhile, now disabled and without a password (user passwd NAME, then user enable NAME)",
        done.added);
    if (done.tokens > 0) {
        say("{} enrolment tokens were withdrawn; make new ones where one was not used yet.\n", done.tokens);
    }
    if (!done.is_whole) {
        say("The log did not go back far enough: what was revoked before its first record stays "
            "forgotten.\n");
    }
    say("A service that runs goes on by itself.\n");
}

CommandResult<void> accept_restore(const CommandLine& line, const RestoreOptions& options) {
    auto administration = administer_any_age(line);
    if (!administration) {
        return administration.error();
    }
    const auto done =
        catch_up(administration->database, *administration->audit, administration->config,
                 administration->actor, administration->clock, options.is_incomplete_accepted);
    if (!done && done.error().code == Code::not_found) {
        return CommandError{
            Exit::failed, done.error().detail,
            "put the older files of the log back beside it; or, if they are gone, say --incomplete: then "
            "disable by hand whom you must keep out"};
    }
    if (!done) {
        return command_error("cannot accept the store", done.error());
    }
    if (options.is_json) {
        nlohmann::json told{{"was_restored", done->has_value()}};
        if (*done) {
            told.update(to_json(**done));
        }
        say_json(told);
        return {};
    }
    if (!*done) {
        say("The store is as far as the audit log: there is nothing to carry over.\n");
        return {};
    }
    tell(**done);
    return {};
}

}  // namespace

void add_store(CLI::App& app, CommandLine& line) {
    CLI::App* store = add_command(app, "store", "The CA's state: after it was put back from a backup");
    store->require_subcommand(1);
    auto options = std::make_shared<RestoreOptions>();
    CLI::App* accepting =
        add_command(*store, "accept-restore",
                    "Accept a store that was put back from a backup: carries over what the audit log\n"
                    "knows of since, revocations and disabled users first of all");
    accepting->add_flag("--incomplete", options->is_incomplete_accepted,
                        "Also where the log does not go back to the backup");
    accepting->add_flag("--json", options->is_json, "Print JSON");
    accepting->callback(
        [&line, options] { line.run = [&line, options] { return accept_restore(line, *options); }; });
}

}  // namespace postern::ca::commands

// The command postern-ca user: adds, changes, disables and lists the people who may log in.

#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "base/printed.hpp"
#include "ca-service/commands/command.hpp"
#include "ca-service/commands/password_prompt.hpp"
#include "ca-service/commands/reach.hpp"
#include "ca-service/commands/table.hpp"
#include "ca-service/password.hpp"
#include "ca-service/revocation.hpp"
#include "ca-service/store/users.hpp"
#include "pki/identity.hpp"
#include "pki/issuer.hpp"

namespace postern::ca::commands {

namespace {

struct UserOptions {
    std::string name;
    std::vector<std::string> groups;
    bool is_password_from_stdin = false;
    bool is_json = false;
    bool is_not_waiting = false;
};

CommandResult<void> add(const CommandLine& line, const UserOptions& options) {
    if (!pki::is_login_name(options.name)) {
        return CommandError{
            Exit::usage, fmt::format("'{}' is no login name", options.name),
            "use 1 to 63 letters, digits and . _ - @ +, the first one a letter, a digit or _"};
    }
    for (const std::string& group : options.groups) {
        if (!pki::is_resource_name(group)) {
            return CommandError{Exit::usage, fmt::format("'{}' is no group name", group),
                                "use 1 to 63 letters, digits and . _ -"};
        }
    }
    if (options.groups.size() > pki::kMostGroups) {
        return CommandError{Exit::usage,
                            fmt::format("a certificate holds {} groups at most", pki::kMostGroups),
                            fmt::format("{} were given; leave out some --group", options.groups.size())};
    }
    auto administration = administer(line);
    if (!administration) {
        return administration.error();
    }
    // The name is looked up before a person types a password in vain.
    const auto known = store::find_user(administration->database, options.name);
    if (!known) {
        return command_error("cannot add the user", known.error());
    }
    const CommandError exists{Exit::failed, fmt::format("there is a user {} already", options.name),
                              fmt::format("to change the password: postern-ca user passwd {}", options.name)};
    if (known->has_value()) {
        return exists;
    }
    const auto password = read_new_password(options.name, options.is_password_from_stdin);
    if (!password) {
        return password.error();
    }
    store::User user;
    user.name = options.name;
    user.password_hash = PasswordHasher().hash(*password);
    user.created_at = administration->clock();
    user.password_changed_at = user.created_at;
    user.groups = options.groups;
    audit::Record record = record_of(administration->actor, "admin.user_added");
    record.user = user.name;
    record.groups = user.groups;
    bool was_there = false;
    auto applied =
        administration->apply("cannot add the user", record, [&](store::Database& database) -> Result<void> {
            auto added = store::add_user(database, user);
            was_there = !added && added.error().code == Code::already_exists;
            return added;
        });
    if (was_there) {
        return exists;
    }
    if (!applied) {
        return applied;
    }
    if (options.is_json) {
        say_json(nlohmann::json{{"name", user.name}, {"groups", user.groups}});
        return {};
    }
    say("Added {}{}.\n", user.name,
        user.groups.empty() ? std::string(" (in no group: the gateways' rules may need one)")
                            : fmt::format(" in {}", fmt::join(user.groups, ", ")));
    return {};
}

CommandResult<void> change_password(const CommandLine& line, const UserOptions& options) {
    auto administration = administer(line);
    if (!administration) {
        return administration.error();
    }
    const auto known = store::find_user(administration->database, options.name);
    if (!known) {
        return command_error("cannot change the password", known.error());
    }
    if (!known->has_value()) {
        return command_error("cannot change the password",
                             Failure{Code::not_found, fmt::format("there is no user {}", options.name)});
    }
    const auto password = read_new_password(options.name, options.is_password_from_stdin);
    if (!password) {
        return password.error();
    }
    const std::string hash = PasswordHasher().hash(*password);
    audit::Record record = record_of(administration->actor, "admin.password_changed");
    record.user = options.name;
    auto applied =
        administration->apply("cannot change the password", record, [&](store::Database& database) {
            return store::set_password_hash(database, options.name, hash, administration->clock());
        });
    if (!applied) {
        return applied;
    }
    if (options.is_json) {
        say_json(nlohmann::json{{"name", options.name}});
        return {};
    }
    say("Changed the password of {0}. Sessions that are open go on; to end them: postern-ca cert revoke "
        "--user {0}\n",
        options.name);
    return {};
}

CommandResult<void> disable(const CommandLine& line, const UserOptions& options) {
    auto administration = administer(line);
    if (!administration) {
        return administration.error();
    }
    const auto revoked = disable_user(administration->database, *administration->audit, administration->actor,
                                      options.name, administration->clock());
    if (!revoked) {
        return command_error("cannot disable the user", revoked.error());
    }
    RevocationTold telling{.is_json = options.is_json, .is_not_waiting = options.is_not_waiting};
    telling.nothing = fmt::format("Disabled {}, who was not logged in.\n", shown(options.name));
    telling.done = fmt::format(
        "Disabled {}: {} session{} ended, {} certificate{} revoked. Gateways cut live connections within "
        "seconds.\n",
        shown(options.name), revoked->sessions, revoked->sessions == 1 ? "" : "s", revoked->certificates,
        revoked->certificates == 1 ? "" : "s");
    telling.json = {{"name", options.name}, {"disabled", true}};
    tell_of_revocation(*administration, *revoked, std::move(telling));
    return {};
}

CommandResult<void> enable(const CommandLine& line, const UserOptions& options) {
    auto administration = administer(line);
    if (!administration) {
        return administration.error();
    }
    audit::Record record = record_of(administration->actor, "admin.user_enabled");
    record.user = options.name;
    auto applied = administration->apply("cannot enable the user", record, [&](store::Database& database) {
        return store::set_disabled(database, options.name, false);
    });
    if (!applied) {
        return applied;
    }
    if (options.is_json) {
        say_json(nlohmann::json{{"name", options.name}, {"disabled", false}});
        return {};
    }
    say("Enabled {}: a new login works from now on.\n", options.name);
    return {};
}

CommandResult<void> list_users(const CommandLine& line, const UserOptions& options) {
    auto database = open_store(line);
    if (!database) {
        return database.error();
    }
    const auto users = store::list_users(*database);
    if (!users) {
        return command_error("cannot list the users", users.error());
    }
    if (options.is_json) {
        nlohmann::json listed = nlohmann::json::array();
        for (const store::User& user : *users) {
            listed.push_back({{"name", user.name},
                              {"groups", user.groups},
                              {"disabled", user.is_disabled},
                              {"created", format_time(user.created_at)},
                              {"password_changed", format_time(user.password_changed_at)}});
        }
        say_json(nlohmann::json{{"users", std::move(listed)}}, 2);
        return {};
    }
    if (users->empty()) {
        say("There are no users yet. Add one: postern-ca user add NAME --group GROUP\n");
        return {};
    }
    std::vector<std::vector<std::string>> rows;
    for (const store::User& user : *users) {
        rows.push_back({user.name, user.is_disabled ? "disabled" : "active",
                        fmt::format("{}", fmt::join(user.groups, ", ")),
                        format_time(user.created_at).substr(0, 10)});
    }
    print_table({"NAME", "STATE", "GROUPS", "CREATED"}, rows);
    return {};
}

}  // namespace

void add_user(CLI::App& app, CommandLine& line) {
    CLI::App* user = add_command(app, "user", "Add, change, disable and list the people who may log in");
    user->require_subcommand(1);
    auto options = std::make_shared<UserOptions>();
    const auto bind = [&line, options](CLI::App* command, CommandResult<void> (*action)(const CommandLine&,
                                                                                        const UserOptions&)) {
        command->add_flag("--json", options->is_json, "Print JSON");
        command->callback([&line, options, action] {
            line.run = [&line, options, action] { return action(line, *options); };
        });
    };
    const auto add_name = [&](CLI::App* command) {
        command->add_option("name", options->name, "The login name")->required()->type_name("");
    };
    const auto add_password = [&](CLI::App* command) {
        command->add_flag("--password-stdin", options->is_password_from_stdin,
                          "Read the password from the first line of standard input instead of asking");
    };

    CLI::App* adding = add_command(*user, "add", "Add a user; asks for a password");
    add_name(adding);
    adding
        ->add_option("--group", options->groups, "A group that the user's certificates name; may be repeated")
        ->type_name("GROUP")
        ->allow_extra_args(false);
    add_password(adding);
    bind(adding, add);

    CLI::App* passwd = add_command(*user, "passwd", "Set a new password");
    add_name(passwd);
    add_password(passwd);
    bind(passwd, change_password);

    CLI::App* disabling =
        add_command(*user, "disable", "Refuse logins, revoke every certificate, end every session, now");
    add_name(disabling);
    add_no_wait(disabling, options->is_not_waiting);
    bind(disabling, disable);

    CLI::App* enabling = add_command(*user, "enable", "Allow logins again");
    add_name(enabling);
    bind(enabling, enable);

    CLI::App* listing = add_command(*user, "list", "List users, states and groups");
    bind(listing, list_users);
}

}  // namespace postern::ca::commands

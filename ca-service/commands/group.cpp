// The command postern-ca group: puts users into groups and takes them out, and lists the groups.

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "base/printed.hpp"
#include "ca-service/commands/command.hpp"
#include "ca-service/commands/table.hpp"
#include "ca-service/store/users.hpp"
#include "pki/identity.hpp"

namespace postern::ca::commands {

namespace {

struct GroupOptions {
    std::string user;
    std::string group;
    bool is_json = false;
};

void tell_change(const GroupOptions& options, bool is_member, bool has_changed) {
    const nlohmann::json told{
        {"user", options.user}, {"group", options.group}, {"member", is_member}, {"changed", has_changed}};
    say_json(told);
}

/// Puts a user into a group or takes them out. Says so too when there was nothing to do.
CommandResult<void> change(const CommandLine& line, const GroupOptions& options, bool is_joining) {
    if (!pki::is_resource_name(options.group)) {
        return CommandError{Exit::usage, fmt::format("'{}' is no group name", options.group),
                            "use 1 to 63 letters, digits and . _ -"};
    }
    auto administration = administer(line);
    if (!administration) {
        return administration.error();
    }
    const auto known = store::find_user(administration->database, options.user);
    if (!known) {
        return command_error("cannot change the group", known.error());
    }
    if (!known->has_value()) {
        return command_error("cannot change the group",
                             Failure{Code::not_found, fmt::format("there is no user {}", options.user)});
    }
    const auto& groups = (*known)->groups;
    const bool is_member = std::find(groups.begin(), groups.end(), options.group) != groups.end();
    if (is_member == is_joining) {
        if (options.is_json) {
            tell_change(options, is_joining, false);
            return {};
        }
        say("{} is {} {} already.\n", options.user, is_joining ? "in" : "not in", options.group);
        return {};
    }
    audit::Record record = record_of(administration->actor,
                                     is_joining ? "admin.group_member_added" : "admin.group_member_removed");
    record.user = options.user;
    record.groups = {options.group};
    auto applied = administration->apply(
        "cannot change the group", record, [&](store::Database& database) -> Result<void> {
            auto changed = is_joining ? store::add_to_group(database, options.user, options.group)
                                      : store::remove_from_group(database, options.user, options.group);
            if (!changed) {
                return changed.error();
            }
            return {};
        });
    if (!applied) {
        return applied;
    }
    if (options.is_json) {
        tell_change(options, is_joining, true);
    } else if (is_joining) {
        say("{} is now in {}; the next login or renewal says so.\n", options.user, options.group);
    } else {
        say("{0} is no longer in {1}. Certificates that name it live on until they are renewed; to cut them "
            "now:\n"
            "  postern-ca cert revoke --user {0}\n",
            options.user, options.group);
    }
    return {};
}

CommandResult<void> list_groups(const CommandLine& line, const GroupOptions& options) {
    auto database = open_store(line);
    if (!database) {
        return database.error();
    }
    const auto groups = store::list_groups(*database);
    if (!groups) {
        return command_error("cannot list the groups", groups.error());
    }
    if (options.is_json) {
        nlohmann::json listed = nlohmann::json::array();
        for (const store::Group& group : *groups) {
            listed.push_back({{"name", group.name}, {"members", group.members}});
        }
        say_json(nlohmann::json{{"groups", std::move(listed)}}, 2);
        return {};
    }
    if (groups->empty()) {
        say("There are no groups yet. A group begins with its first member: postern-ca group add USER "
            "GROUP\n");
        return {};
    }
    std::vector<std::vector<std::string>> rows;
    for (const store::Group& group : *groups) {
        rows.push_back({group.name, fmt::format("{}", fmt::join(group.members, ", "))});
    }
    print_table({"GROUP", "MEMBERS"}, rows);
    return {};
}

}  // namespace

void add_group(CLI::App& app, CommandLine& line) {
    CLI::App* group = add_command(app, "group", "Put users into groups, take them out, list groups");
    group->require_subcommand(1);
    auto options = std::make_shared<GroupOptions>();

    const auto add_change = [&](const char* name, const char* description, bool is_joining) {
        CLI::App* command = add_command(*group, name, description);
        command->add_option("user", options->user, "The login name")->required()->type_name("");
        command->add_option("group", options->group, "The group")->required()->type_name("");
        command->add_flag("--json", options->is_json, "Print JSON");
        command->callback([&line, options, is_joining] {
            line.run = [&line, options, is_joining] { return change(line, *options, is_joining); };
        });
    };
    add_change("add", "Put a user into a group", true);
    add_change("remove", "Take a user out of a group", false);

    CLI::App* listing = add_command(*group, "list", "List groups and members");
    listing->add_flag("--json", options->is_json, "Print JSON");
    listing->callback(
        [&line, options] { line.run = [&line, options] { return list_groups(line, *options); }; });
}

}  // namespace postern::ca::commands

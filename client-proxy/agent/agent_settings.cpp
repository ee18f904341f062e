#include "client-proxy/agent/agent_settings.hpp"

#include <utility>

#include "base/file.hpp"
#include "base/json.hpp"
#include "client-proxy/tunnel/service_list.hpp"
#include "pki/identity.hpp"

namespace postern::client {

namespace {

std::filesystem::path file_in(const ProfileFolder& folder) {
    return folder.path() / "settings.json";
}

Result<void> take_names(const nlohmann::json& members, const char* key, std::set<std::string>& into) {
    if (!members.contains(key)) {
        return {};
    }
    const Failure malformed{Code::malformed_request, std::string(key) + " is an array of service names"};
    const auto& list = members[key];
    if (!list.is_array() || list.size() > AgentSettings::kMostNames) {
        return malformed;
    }
    std::set<std::string> names;
    for (const auto& item : list) {
        if (!item.is_string() || !pki::is_resource_name(item.get_ref<const std::string&>())) {
            return malformed;
        }
        names.insert(item.get<std::string>());
    }
    into = std::move(names);
    return {};
}

Result<void> take_databases(const nlohmann::json& members, decltype(AgentSettings::databases)& into) {
    if (!members.contains("databases")) {
        return {};
    }
    const Failure malformed{Code::malformed_request, "databases is an object: service name to database name"};
    const auto& given = members["databases"];
    if (!given.is_object() || given.size() > AgentSettings::kMostNames) {
        return malformed;
    }
    decltype(AgentSettings::databases) databases;
    for (const auto& [service, database] : given.items()) {
        if (!pki::is_resource_name(service) || !database.is_string() ||
            !is_database_name(database.get_ref<const std::string&>())) {
            return malformed;
        }
        databases[service] = database.get<std::string>();
    }
    into = std::move(databases);
    return {};
}

}  // namespace

std::string AgentSettings::database(std::string_view service) const {
    const auto found = databases.find(service);
    return found != databases.end() ? found->second : std::string();
}

AgentSettings AgentSettings::load(const ProfileFolder& folder) {
    AgentSettings settings;
    if (const auto text = read_file(file_in(folder))) {
        const auto read = parse_json(*text);
        if (!read.is_object() || !settings.take(read)) {
            return {};
        }
    }
    return settings;
}

Result<void> AgentSettings::save(const ProfileFolder& folder) const {
    return write_file(file_in(folder), json_file_text(to_json()), 0600);
}

nlohmann::json AgentSettings::to_json() const {
    return {{"connect_at_start", connect_at_start},
            {"favourites", favourites},
            {"databases", databases},
            {"notifications", notifications}};
}

Result<void> AgentSettings::take(const nlohmann::json& members) {
    AgentSettings changed = *this;
    if (auto taken = take_names(members, "connect_at_start", changed.connect_at_start); !taken) {
        return taken;
    }
    if (auto taken = take_names(members, "favourites", changed.favourites); !taken) {
        return taken;
    }
    if (auto taken = take_databases(members, changed.databases); !taken) {
        return taken;
    }
    if (members.contains("notifications")) {
        if (!members["notifications"].is_boolean()) {
            return Failure{Code::malformed_request, "notifications is true or false"};
        }
        changed.notifications = members["notifications"].get<bool>();
    }
    *this = std::move(changed);
    return {};
}

}  // namespace postern::client

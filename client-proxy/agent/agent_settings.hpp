// What the agent remembers of a person's wishes, in settings.json of the profile.
#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "client-proxy/config/profile.hpp"
#include "client-proxy/refusal/refusal.hpp"

namespace postern::client {

struct AgentSettings {
    static constexpr std::size_t kMostNames = 256;

    std::set<std::string> connect_at_start;
    std::set<std::string> favourites;
    /// The database that the lines to paste name, for each service that has one.
    std::map<std::string, std::string, std::less<>> databases;
    bool notifications = true;

    /// Empty when none is known.
    std::string database(std::string_view service) const;

    /// The defaults when there is no file, or a damaged one: these are conveniences.
    static AgentSettings load(const ProfileFolder& folder);
    Result<void> save(const ProfileFolder& folder) const;
    nlohmann::json to_json() const;
    /// Any members of settings; Code::malformed_request, and nothing taken, when one is of a wrong type.
    Result<void> take(const nlohmann::json& members);
};

}  // namespace postern::client

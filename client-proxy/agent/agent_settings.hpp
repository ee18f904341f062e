// The agent's memory of a person's choices, in settings.json of the profile.
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
    /// The most elements of each of the three collections.
    static constexpr std::size_t kMostNames = 256;

    std::set<std::string> connect_at_start;
    std::set<std::string> favourites;
    /// The database, by service, that the connection lines name.
    std::map<std::string, std::string, std::less<>> databases;
    bool notifications = true;

    /// The database of the service; empty when none is set.
    std::string database(std::string_view service) const;

    /// Returns the defaults when the file is missing or damaged: the settings are only a convenience.
    static AgentSettings load(const ProfileFolder& folder);
    /// Errors: Code::io_failed.
    Result<void> save(const ProfileFolder& folder) const;
    nlohmann::json to_json() const;
    /// Takes over the settings that `members` contains. Errors: Code::malformed_request when one has a wrong
    /// type; then nothing is changed.
    Result<void> take(const nlohmann::json& members);
};

}  // namespace postern::client

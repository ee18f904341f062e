// `postern-gateway sessions` and `postern-gateway kill`: what an administrator on the gateway's machine asks
// the running gateway, through its admin socket.
#pragma once

#include <filesystem>
#include <string>

namespace postern::gateway {

struct SessionsQuery {
    /// Only those of this user, of this service; empty: of all.
    std::string user;
    std::string service;
    bool is_json = false;
};

/// They print, and return the exit code: 0; 1 failed, or no such connection; 3 no admin socket in the
/// configuration; 4 not root and not the gateway's user; 5 no gateway runs there.
int sessions_command(const std::filesystem::path& config, const SessionsQuery& query);
int kill_command(const std::filesystem::path& config, const std::string& id, bool is_json);
/// All connections of the query's user, to its service, or of that user to that service; 2 when it names neither.
/// None is a success: nobody is left.
int kill_all_command(const std::filesystem::path& config, const SessionsQuery& query);

}  // namespace postern::gateway

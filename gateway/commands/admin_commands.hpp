// `postern-gateway sessions` and `postern-gateway kill`: an administrator on the gateway's machine asks the
// running gateway through its administration socket.
#pragma once

#include <filesystem>
#include <string>

namespace postern::gateway {

/// Which connections a command means, and how it prints them.
struct SessionsQuery {
    /// Selects the connections of this user and to this service; an empty member selects all.
    std::string user;
    std::string service;
    bool is_json = false;
};

/// Lists the live connections. Prints the result or the error, blocks, and returns the exit code, as the
/// other commands do: 0 success; 1 failed, or no such connection; 3 the configuration has no administration
/// socket; 4 neither root nor the gateway's user; 5 no gateway runs there.
int sessions_command(const std::filesystem::path& config, const SessionsQuery& query);
/// Ends the connection `id`.
int kill_command(const std::filesystem::path& config, const std::string& id, bool is_json);
/// Ends all connections of the query's user, to its service, or of that user to that service. The exit code
/// is 2 when the query names neither, or when a name is none. It is a success if there is no such connection.
int kill_all_command(const std::filesystem::path& config, const SessionsQuery& query);

}  // namespace postern::gateway

// `postern-gateway serve`: runs the server and handles signals and the service manager.
#pragma once

#include <filesystem>

namespace postern::gateway {

/// Runs until SIGTERM or SIGINT. SIGHUP reloads the configuration, and SIGUSR1 rotates the audit log. After
/// SIGTERM or SIGINT existing tunnels have drain_timeout to end; a second signal cuts them at once. Returns
/// the exit code: 0 when all tunnels ended, kExitCut when some had to be cut, or that of the failure.
int serve_command(const std::filesystem::path& config);

/// The exit code when tunnels had to be cut.
inline constexpr int kExitCut = 6;

}  // namespace postern::gateway

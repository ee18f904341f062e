// `postern-gateway serve`: the server, with what the service manager and the terminal say to it.
#pragma once

#include <filesystem>

namespace postern::gateway {

/// Runs until SIGTERM or SIGINT. SIGHUP reloads. Draining: existing tunnels have drain_timeout to end; a
/// second signal cuts them at once. Returns the exit code: 0 drained, kExitCut when tunnels had to be cut,
/// else what failed.
int serve_command(const std::filesystem::path& config);

inline constexpr int kExitCut = 6;

}  // namespace postern::gateway

// Whom a revocation has reached: what cert revoke and user disable wait for and tell.
#pragma once

#include <string>

#include <nlohmann/json.hpp>

#include "ca-service/commands/command.hpp"
#include "ca-service/revocation.hpp"

namespace postern::ca::commands {

/// How a command that revokes tells what it did.
struct RevocationTold {
    /// For a person: what was done, or that there was nothing to do; a sentence and its newline.
    std::string done{};
    std::string nothing{};
    /// With --json: what it says beside the reach.
    nlohmann::json json{};
    bool is_json = false;
    bool is_not_waiting = false;
};

/// Tells what was revoked just now, waits until the gateways have it (unless there was nothing, or --no-wait), and
/// tells which do. True where a person was told more than that there was nothing to do.
bool tell_of_revocation(Administration& administration, const Revoked& revoked, RevocationTold told);
/// --no-wait.
void add_no_wait(CLI::App* command, bool& is_not_waiting);

}  // namespace postern::ca::commands

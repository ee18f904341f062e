// Which gateways a revocation has reached: `cert revoke` and `user disable` wait for that and tell it.
#pragma once

#include <string>

#include <nlohmann/json.hpp>

#include "ca-service/commands/command.hpp"
#include "ca-service/revocation.hpp"

namespace postern::ca::commands {

/// How a command that revokes tells what it did.
struct RevocationTold {
    /// What a person reads: what was done, or that there was nothing to do, as a sentence with its newline.
    std::string done{};
    std::string nothing{};
    /// With --json, what the output holds beside the reach.
    nlohmann::json json{};
    bool is_json = false;
    bool is_not_waiting = false;
};

/// Tells what was revoked just now, waits until the gateways have it (unless there was nothing, or with
/// --no-wait), and tells which of them do. Returns true where a person was told more than that there was
/// nothing to do.
bool tell_of_revocation(Administration& administration, const Revoked& revoked, RevocationTold told);
/// Adds the option --no-wait.
void add_no_wait(CLI::App* command, bool& is_not_waiting);

}  // namespace postern::ca::commands

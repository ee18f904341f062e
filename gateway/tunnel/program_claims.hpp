// What a desktop says of the local program that connected: process id, user id and path. A claim, which is
// recorded as one and decides nothing. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "base/result.hpp"

namespace postern::gateway {

struct ProgramClaims {
    std::uint32_t pid = 0;
    std::uint32_t uid = 0;
    /// As it came, percent-decoded; may be empty.
    std::string path;
    /// The desktop's own look whether the service answers, and nobody's access.
    bool is_probe = false;

    /// postern.claimed.*: names as in ECS (process.pid, process.executable, process.real_user.id), and
    /// `purpose`.
    nlohmann::json to_json() const;
};

/// The field Postern-Client-Program: "pid=4711, uid=1000, program=/usr/bin/psql". Code::malformed_request for
/// anything else, and for a path of more than 256 bytes.
Result<ProgramClaims> parse_program_claims(std::string_view field);

}  // namespace postern::gateway

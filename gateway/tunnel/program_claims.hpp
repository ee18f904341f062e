// What a desktop claims about the local program that connected: process id, user id and path. The claim is
// recorded as such and decides nothing. This file is pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "base/result.hpp"

namespace postern::gateway {

/// The claims about a program; pid and path are 0 and empty when nothing is claimed.
struct ProgramClaims {
    std::uint32_t pid = 0;
    std::uint32_t uid = 0;
    /// The program's path as it was sent, percent-decoded; may be empty.
    std::string path;
    /// True when the desktop itself checks whether the service answers, and no program connects.
    bool is_probe = false;

    /// Returns the object postern.claimed of the audit record, with names as in ECS (process.pid,
    /// process.executable, process.real_user.id), and `purpose`.
    nlohmann::json to_json() const;
};

/// Parses the field Postern-Client-Program: "pid=4711, uid=1000, program=/usr/bin/psql". Fails with
/// Code::malformed_request for any other form, and for a path of more than 256 bytes.
Result<ProgramClaims> parse_program_claims(std::string_view field);

}  // namespace postern::gateway

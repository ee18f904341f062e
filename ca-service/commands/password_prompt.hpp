// Reads a new password from a person or a pipe; never from the command line, which every user of the machine
// can read.
#pragma once

#include "base/secret.hpp"
#include "ca-service/commands/command.hpp"

namespace postern::ca::commands {

/// Asks twice on the terminal without echo, or reads the first line of standard input. Refuses what
/// check_new_password() refuses, such as a password that is too short.
CommandResult<Secret> read_new_password(const std::string& user, bool is_from_stdin);

}  // namespace postern::ca::commands

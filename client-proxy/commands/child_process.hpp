// Runs a program in the foreground of this one's terminal, which passes signals on and waits.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace postern::client {

/// The program's exit code, 128 + signal, or 127 when it cannot be started.
int run_child(std::vector<std::string> command, mode_t umask);

}  // namespace postern::client

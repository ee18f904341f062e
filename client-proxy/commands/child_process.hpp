// Runs a program in the foreground of this process's terminal, and waits for it. Signals that are sent to
// this process alone are passed on to the program.
#pragma once

#include <string>
#include <vector>

#include "base/process.hpp"

namespace postern::client {

/// Returns the program's exit code, 128 plus the signal that ended it, or 127 when it cannot be started. When
/// SIGHUP was ignored at the start of this process (nohup), it stays ignored for both.
int run_child(std::vector<std::string> command, const Inherited& inherited);

}  // namespace postern::client

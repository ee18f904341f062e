// Runs a program in the foreground of this one's terminal, which passes on the signals that are sent to
// itself alone, and waits.
#pragma once

#include <string>
#include <vector>

#include "base/process.hpp"

namespace postern::client {

/// The program's exit code, 128 + signal, or 127 when it cannot be started. SIGHUP that was ignored
/// when this process was started (nohup) stays so for both.
int run_child(std::vector<std::string> command, const Inherited& inherited);

}  // namespace postern::client

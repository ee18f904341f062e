// The program's commands and their options.
#pragma once

namespace postern::gateway {

/// Parses and runs; returns the exit code.
int run_command_line(int argc, char** argv);

}  // namespace postern::gateway

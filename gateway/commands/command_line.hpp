// The program's commands and their options.
#pragma once

namespace postern::gateway {

/// Parses the command line, runs the command and returns its exit code.
int run_command_line(int argc, char** argv);

}  // namespace postern::gateway

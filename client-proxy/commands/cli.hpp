// The command line of `postern`.
#pragma once

#include <sys/types.h>

namespace postern::client {

/// Parses and runs; returns the exit code. `umask` is what the process was started with.
int run_cli(int argc, char** argv, mode_t umask);

}  // namespace postern::client

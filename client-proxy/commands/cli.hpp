// The command line of `postern`.
#pragma once

#include "base/process.hpp"

namespace postern::client {

/// Parses the arguments and runs the command; returns the exit code. `inherited` is passed on to the programs
/// that commands run.
int run_cli(int argc, char** argv, const Inherited& inherited);

}  // namespace postern::client

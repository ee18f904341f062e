// The command line of `postern`.
#pragma once

#include "base/process.hpp"

namespace postern::client {

/// Parses and runs; returns the exit code. `inherited` is for the programs that it runs.
int run_cli(int argc, char** argv, const Inherited& inherited);

}  // namespace postern::client

// The whole program as one function, for main() and for tests.
#pragma once

namespace postern::ca::commands {

/// Parses the command line, runs the command and tells how it failed. Returns the exit code of the process.
int run(int argc, char** argv);

}  // namespace postern::ca::commands

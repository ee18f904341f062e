// The whole program, for main() and for tests.
#pragma once

namespace postern::ca::commands {

/// Parses, runs, tells how it ended: the process's exit code.
int run(int argc, char** argv);

}  // namespace postern::ca::commands

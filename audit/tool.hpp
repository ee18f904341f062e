// The command line of postern-audit.
#pragma once

#include <cstdio>

namespace postern::audit {

/// Runs the command line and returns the exit code: 0 intact, 1 tampered with or signed with another key, 2
/// wrong usage or not readable, 3 only a torn last line.
int run_tool(int argc, const char* const* argv, std::FILE* out, std::FILE* err);

}  // namespace postern::audit

// The command line of postern-audit.
#pragma once

#include <cstdio>

namespace postern::audit {

/// Exit codes: 0 whole, 1 tampered with (or failed), 2 usage or nothing to read, 3 only a torn last line.
int run_tool(int argc, const char* const* argv, std::FILE* out, std::FILE* err);

}  // namespace postern::audit

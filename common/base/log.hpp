// The operational log: one line for each event, "event=tunnel.open key=value …", written through spdlog to
// standard error, which both systemd's journal and a terminal show. Lines may be lost; audit records may not.
#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"

namespace postern {

/// Sets spdlog's default logger: standard error, with RFC 3339 times in UTC unless the environment variable
/// `JOURNAL_STREAM` shows that journald adds its own. `level` is trace, debug, info, warn or error; any other
/// fails with Code::config_invalid.
Result<void> start_log(std::string_view program, std::string_view level = "info");

/// Makes a peer's text safe for a log line: in quotes, with control characters, quotes, backslashes and
/// non-ASCII bytes escaped as \xNN. Only the first `limit` bytes are kept; "+N" after the closing quote says
/// that N bytes were left out.
std::string quoted(std::string_view text, std::size_t limit = 128);

}  // namespace postern

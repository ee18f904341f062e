// The operational log: one line an event, "event=tunnel.open key=value …", through spdlog to standard error.
// Standard error is what systemd's journal and a terminal both take. Lines may be lost; audit records may
// not.
#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"

namespace postern {

/// Sets spdlog's default logger: standard error, RFC 3339 times in UTC unless `JOURNAL_STREAM` says that
/// journald adds its own. `level` is one of trace, debug, info, warn, error; Code::config_invalid otherwise.
Result<void> start_log(std::string_view program, std::string_view level = "info");

/// A peer's text made fit for a log line: control characters, quotes and non-ASCII escaped as \xNN, quoted,
/// cut after `limit` bytes with "…" told by a trailing "+N".
std::string quoted(std::string_view text, std::size_t limit = 128);

}  // namespace postern

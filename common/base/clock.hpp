// Wall-clock time as the product writes and reads it: UTC, RFC 3339, microseconds. Clocks are passed in, so
// that tests can control them.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace postern {

/// Microseconds since the Unix epoch, in UTC.
using SystemTime = std::chrono::sys_time<std::chrono::microseconds>;

/// A source of the current time. It may be called from any thread.
using Clock = std::function<SystemTime()>;

/// The machine's real-time clock.
Clock system_clock();

/// How long this machine has been suspended since it started (CLOCK_BOOTTIME minus CLOCK_MONOTONIC). The
/// value jumps when the machine wakes up.
std::chrono::nanoseconds time_asleep();

/// Formats a time as "2026-11-22T12:30:00.000000Z" (RFC 3339, always UTC, always six digits of the fraction).
/// RFC 3339 cannot express times outside the years 0 to 9999: these are clamped to the first or last moment
/// of that range.
std::string format_time(SystemTime time);

/// Parses an RFC 3339 time in UTC ("…Z") with no more than six digits of the second's fraction. Fails with
/// Code::malformed_request for anything else.
Result<SystemTime> parse_time(std::string_view text);

}  // namespace postern

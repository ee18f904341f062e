// Wall-clock time as the product writes and reads it: UTC, RFC 3339, microseconds. Clocks are passed in, so
// that tests can own them.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace postern {

using SystemTime = std::chrono::sys_time<std::chrono::microseconds>;

/// A source of the current time. May be called from any thread.
using Clock = std::function<SystemTime()>;

/// The machine's real-time clock.
Clock system_clock();

/// How long this machine has been suspended since it started: it jumps when the machine wakes up.
std::chrono::nanoseconds time_asleep();

/// "2026-11-22T12:30:00.000000Z" (RFC 3339, always UTC, always six digits). Times outside the years 0 to
/// 9999, which have no such form, are told as the first or last moment of these.
std::string format_time(SystemTime time);

/// Reads RFC 3339 in UTC ("…Z"), with up to six digits of a second's fraction. Code::malformed_request
/// otherwise.
Result<SystemTime> parse_time(std::string_view text);

}  // namespace postern

// A monotonic clock: it cannot be set, it also advances while the machine is suspended, and it says nothing
// about the date.
#pragma once

#include <chrono>
#include <functional>

namespace postern {

/// A time of CLOCK_BOOTTIME. Only the difference of two such times has a meaning.
using EvenTime = std::chrono::steady_clock::time_point;

/// A source of the current time. It may be called from any thread.
using EvenClock = std::function<EvenTime()>;

/// The machine's own clock (CLOCK_BOOTTIME).
EvenClock even_clock();

}  // namespace postern

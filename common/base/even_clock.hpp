// A monotonic clock: nobody sets it, it goes on evenly, also while the machine sleeps, and says nothing of the
// date.
#pragma once

#include <chrono>
#include <functional>

namespace postern {

using EvenTime = std::chrono::steady_clock::time_point;

/// May be called from any thread.
using EvenClock = std::function<EvenTime()>;

/// The machine's own (CLOCK_BOOTTIME).
EvenClock even_clock();

}  // namespace postern

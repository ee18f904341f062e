#include "base/even_clock.hpp"

#include "base/clock.hpp"

namespace postern {

using std::chrono::duration_cast;
using std::chrono::steady_clock;

EvenClock even_clock() {
    return [] { return steady_clock::now() + duration_cast<steady_clock::duration>(time_asleep()); };
}

}  // namespace postern

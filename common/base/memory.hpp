// Returns memory to the operating system after a burst, because the C library keeps what thousands of
// connections have freed.
#pragma once

#include <algorithm>
#include <cstddef>

namespace postern {

/// Decides when to return memory, from the number of connections that it is told at regular intervals. Not
/// thread-safe.
class MemoryReturn {
public:
    /// Returns the heap's free pages (malloc_trim(3)) if the number of connections has halved and has dropped
    /// by enough to be worth the milliseconds that this takes, and once more four calls later. The result
    /// says whether it did so. `most_since` is the largest number since the last call, so that a burst which
    /// has already ended counts as well.
    bool note(std::size_t connections, std::size_t most_since = 0);

private:
    static constexpr std::size_t kWorthIt = 128;
    static constexpr int kAgainAfter = 4;
    std::size_t peak_ = 0;
    int calls_until_again_ = 0;
};

}  // namespace postern

// Gives memory back to the system after a burst: the C library keeps what thousands of connections freed.
#pragma once

#include <algorithm>
#include <cstddef>

namespace postern {

/// To be told once in a while how many connections there are. Not thread-safe.
class MemoryReturn {
public:
    /// After the number has halved, and by enough to be worth the milliseconds that it takes, returns the
    /// heap's free pages (malloc_trim(3)). Whether it did. `most_since`: the most that there were since the last
    /// call, so that a burst which is over by now is seen, too.
    bool note(std::size_t connections, std::size_t most_since = 0);

private:
    static constexpr std::size_t kWorthIt = 128;
    static constexpr int kAgainAfter = 4;
    std::size_t peak_ = 0;
    int calls_until_again_ = 0;
};

}  // namespace postern

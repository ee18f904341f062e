#include "base/memory.hpp"

#include <malloc.h>

namespace postern {

bool MemoryReturn::note(std::size_t connections, std::size_t most_since) {
    peak_ = std::max({peak_, connections, most_since});
    const bool has_halved = peak_ - connections >= std::max(kWorthIt, peak_ / 2);
    const bool is_again = calls_until_again_ > 0 && --calls_until_again_ == 0;
    if (!has_halved && !is_again) {
        return false;
    }
    calls_until_again_ = has_halved ? kAgainAfter : 0;
    peak_ = connections;
    ::malloc_trim(0);
    return true;
}

}  // namespace postern

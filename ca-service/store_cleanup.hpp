// Decides when the store forgets certificates, sessions and tokens that ended long ago.
#pragma once

#include <chrono>
#include <functional>
#include <optional>

#include "ca-service/settled_clock.hpp"
#include "ca-service/store/database.hpp"

namespace postern::ca {

/// Not thread-safe. The settled clock decides what is old, so that a wall clock that jumps ahead removes no
/// live certificate and no mark of a revocation.
class StoreCleanup {
public:
    using Job = std::function<void(store::Database&)>;

    /// `settled` must outlive this object.
    StoreCleanup(SettledClock& settled, EvenClock even) : settled_(settled), even_(std::move(even)) {}

    /// Returns the work if it is due: at the first call, and then every ten minutes, whatever the wall clock
    /// does. Call it about every second.
    std::optional<Job> due();

private:
    SettledClock& settled_;
    const EvenClock even_;
    std::optional<std::chrono::steady_clock::time_point> done_at_;
};

}  // namespace postern::ca

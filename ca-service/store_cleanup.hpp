// When the store forgets certificates, sessions and tokens that ended long ago.
#pragma once

#include <chrono>
#include <functional>
#include <optional>

#include "ca-service/settled_clock.hpp"
#include "ca-service/store/database.hpp"

namespace postern::ca {

/// Not thread-safe. What is old is judged by the settled clock, so that one that jumps ahead takes no live
/// certificate and no mark of a revocation with it.
class StoreCleanup {
public:
    using Job = std::function<void(store::Database&)>;

    /// `settled` must outlive this object.
    StoreCleanup(SettledClock& settled, EvenClock even) : settled_(settled), even_(std::move(even)) {}

    /// The work, if it is due: at first, and then each ten minutes, whatever the wall clock does. To be asked
    /// every second or so.
    std::optional<Job> due();

private:
    SettledClock& settled_;
    const EvenClock even_;
    std::optional<std::chrono::steady_clock::time_point> done_at_;
};

}  // namespace postern::ca

#include "base/outage.hpp"

#include <utility>

namespace postern {

bool Outage::fails(Time now) {
    const std::lock_guard lock(mutex_);
    // The outage may have ended without a success, when nothing was tried for that long.
    const bool begins = failures_ == 0 || now - last_failure_ >= rest_;
    failures_ = begins ? 1 : failures_ + 1;
    last_failure_ = now;
    return begins;
}

std::optional<std::size_t> Outage::works(Time now) {
    const std::lock_guard lock(mutex_);
    if (failures_ == 0 || now - last_failure_ < rest_) {
        return std::nullopt;
    }
    return std::exchange(failures_, 0);
}

}  // namespace postern

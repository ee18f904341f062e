#include "base/silent_peers.hpp"

#include <utility>

#include <spdlog/spdlog.h>

namespace postern {

void SilentPeers::tell(Time now) {
    const std::lock_guard lock(mutex_);
    if (now < tell_at_) {
        return;
    }
    const bool is_first = tell_at_ == Time{};
    tell_at_ = now + kTellEvery;
    const std::size_t total = total_;
    if (is_first || total == told_) {
        return;
    }
    spdlog::info("event=connections.silent count={} total={}", total - std::exchange(told_, total), total);
}

}  // namespace postern

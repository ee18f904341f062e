// How many connections to a gateway are kept ready before a session needs one.
#pragma once

#include <chrono>
#include <cstddef>

namespace postern::client {

/// The warm settings in [agent] of config.toml.
struct WarmOptions {
    /// The number that is kept for each gateway on each event loop. 0 switches warm connections off.
    std::size_t few = 2;
    /// The upper limit, which is reached after bursts.
    std::size_t most = 16;
    /// When no session has asked for this long, no warm connections are kept.
    std::chrono::milliseconds rest = std::chrono::minutes(5);
    /// A connection that was unused for this long is replaced. It is shorter than the time after which
    /// gateways close an unused connection.
    std::chrono::milliseconds lifetime = std::chrono::minutes(4);
};

}  // namespace postern::client

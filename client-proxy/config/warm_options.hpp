// How many connections to a gateway stand ready before anybody asks for one.
#pragma once

#include <chrono>
#include <cstddef>

namespace postern::client {

/// [agent] of config.toml.
struct WarmOptions {
    /// Kept for each gateway on each event loop; 0: none, ever.
    std::size_t few = 2;
    /// After bursts.
    std::size_t most = 16;
    /// Without anybody asking for so long, none are kept.
    std::chrono::milliseconds rest = std::chrono::minutes(5);
    /// One that was not needed for so long is replaced; less than gateways wait.
    std::chrono::milliseconds lifetime = std::chrono::minutes(4);
};

}  // namespace postern::client

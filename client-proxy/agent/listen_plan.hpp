// At which addresses a local port listens: the loopback, and those of unsafe_listen. Pure.
#pragma once

#include <string>
#include <vector>

namespace postern::client {

/// Each address once. "All addresses" of a family stand in for its loopback and for every other one.
struct ListenPlan {
    std::string v4 = "127.0.0.1";
    std::string v6 = "::1";
    std::vector<std::string> more;

    /// Of addresses, and "*" for all of both families. What is no address is kept as it is: binding it tells.
    static ListenPlan of(const std::vector<std::string>& unsafe_listen);
};

}  // namespace postern::client

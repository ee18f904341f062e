// The addresses at which a local port listens: the loopback and those of `unsafe_listen`. Nothing here has
// side effects.
#pragma once

#include <string>
#include <vector>

namespace postern::client {

/// Contains each address once. The wildcard address of a family replaces the loopback and every other address
/// of that family.
struct ListenPlan {
    std::string v4 = "127.0.0.1";
    std::string v6 = "::1";
    std::vector<std::string> more;

    /// Takes addresses, and "*" for all addresses of both families. Text that is not an address is kept as it
    /// is: binding it reports the error.
    static ListenPlan of(const std::vector<std::string>& unsafe_listen);
};

}  // namespace postern::client

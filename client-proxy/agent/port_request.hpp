// Reads from the parameters of a request what a client says of the port that it wants. All of it is pure.
#pragma once

#include <cstdint>
#include <optional>

#include "client-proxy/agent/open_ports.hpp"
#include "client-proxy/control/parameters.hpp"
#include "client-proxy/control/server.hpp"
#include "client-proxy/login/login_choice.hpp"
#include "client-proxy/refusal/refusal.hpp"

namespace postern::client {

inline constexpr std::int64_t kMostPort = 65535;

// All of these functions throw control::BadParameter where a parameter is not what it has to be.

/// Returns nothing where the client leaves the mode open.
std::optional<Mode> mode_in(const control::Parameters& params);
/// Returns the certificate files that are to be shown in place of the login.
LoginChoice credentials_in(const control::Parameters& params);
/// Returns the wish without its login. It fails with Code::config_invalid where no service can be called so.
Outcome<PortWish> wish_in(const control::Parameters& params, control::ClientId client);

}  // namespace postern::client

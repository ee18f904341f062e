// Detects port squatting: a process of another user listens where a person's programs expect a service, and
// receives their database password. Nothing reserves a port while no agent runs.
#pragma once

#include <optional>
#include <string>

#include "client-proxy/refusal/refusal.hpp"
#include "client-proxy/platform/socket_owner.hpp"

namespace postern::client {

/// Returns the warning about a process of another user that listens on the service's port; no value when
/// nobody listens there, or a program of this user.
std::optional<Refusal> squatter_on(const std::string& service, unsigned short port);
/// The same for a listener that was found already. Apart from this process's user id it depends on its
/// arguments alone.
std::optional<Refusal> squatting(const std::string& service, unsigned short port,
                                 const std::optional<LocalProgram>& listener);

}  // namespace postern::client

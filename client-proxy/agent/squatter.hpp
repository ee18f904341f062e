// Port squatting: a process of another user listens where a person's programs expect a service, and is given
// their database password. Nothing keeps a port for somebody while no agent runs.
#pragma once

#include <optional>
#include <string>

#include "client-proxy/refusal/refusal.hpp"
#include "client-proxy/platform/socket_owner.hpp"

namespace postern::client {

/// What to tell of who listens on the service's port; nothing when nobody does, or this user's own program.
std::optional<Refusal> squatter_on(const std::string& service, unsigned short port);
/// The same of who was found there. Pure but for this process's own user.
std::optional<Refusal> squatting(const std::string& service, unsigned short port,
                                 const std::optional<LocalProgram>& listener);

}  // namespace postern::client

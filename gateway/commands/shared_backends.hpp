// Finds services that share one PostgreSQL server. `check-config` names them, because the server's
// certificate must name each of them.
#pragma once

#include <string>
#include <vector>

#include "gateway/policy/policy.hpp"

namespace postern::gateway {

/// Returns one line for each backend that several PostgreSQL services share: it names the services, and the
/// command that gets a certificate for all of them.
std::vector<std::string> notes_on_shared_backends(const Policy& policy);

}  // namespace postern::gateway

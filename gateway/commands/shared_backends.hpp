// Services that one PostgreSQL server is: what `check-config` says of them, since its certificate has to name
// each.
#pragma once

#include <string>
#include <vector>

#include "gateway/policy/policy.hpp"

namespace postern::gateway {

/// One line for each backend that several PostgreSQL services have: which they are, and how its certificate
/// comes to be for all of them.
std::vector<std::string> notes_on_shared_backends(const Policy& policy);

}  // namespace postern::gateway

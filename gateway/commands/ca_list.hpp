// Compares the services that the CA lists with those that the gateway serves. Desktops open a service as the
// CA lists it, and refuse a gateway that names another protocol. Only read_ca_list() does I/O.
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "gateway/policy/policy.hpp"

namespace postern::gateway {

/// `text` is the output of `postern-ca check-config --json`. Returns a line for each of `services` that the
/// CA does not list or lists differently. Fails with Code::config_invalid when the text is something else.
Result<std::vector<std::string>> differences_from_ca(std::string_view text,
                                                     std::span<const Service> services);

/// Reads a file or a pipe, or standard input when `file` is "-". Fails with Code::config_invalid when it is
/// longer than the list of any CA, so that a part of a list is never compared. Blocking.
Result<std::string> read_ca_list(const std::filesystem::path& file);

}  // namespace postern::gateway

// What the CA lists, compared with what the gateway serves: desktops open a service as the CA says, and refuse a
// gateway that names another protocol. Pure, but for the reading.
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "gateway/policy/policy.hpp"

namespace postern::gateway {

/// `text` is what `postern-ca check-config --json` prints. A line for each service that the CA does not list,
/// or lists otherwise; none when all is well. Code::config_invalid when the text is something else.
Result<std::vector<std::string>> differences_from_ca(std::string_view text,
                                                     std::span<const Service> services);

/// The text of a file or a pipe, or of standard input for "-". Code::config_invalid for what is longer than
/// any CA's list: none of it counts then.
Result<std::string> read_ca_list(const std::filesystem::path& file);

}  // namespace postern::gateway

// Adds the options of the running command to the commands that an error or its hint recommends.
#pragma once

#include <string>
#include <string_view>

namespace postern {

/// Turns "postern-gateway check-config" into "postern-gateway --config x check-config" if `options` is
/// "--config x": without them the recommended command would look at another configuration. Commands of other
/// programs are left alone. Pure.
std::string with_own_options(std::string_view text, std::string_view program, std::string_view options);

}  // namespace postern

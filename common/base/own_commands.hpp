// The commands that an error or its hint tells to run, with the options that this command was given.
#pragma once

#include <string>
#include <string_view>

namespace postern {

/// "postern-gateway check-config" becomes "postern-gateway --config x check-config" where `options` is
/// "--config x": whoever named another configuration would ask about the wrong one. Other programs' commands
/// stay as they are. Pure.
std::string with_own_options(std::string_view text, std::string_view program, std::string_view options);

}  // namespace postern

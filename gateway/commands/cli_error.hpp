// How the program tells an error on the terminal: what happened and why, then what to do next.
#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"

namespace postern::gateway {

/// The options that this command was given, for the commands that its hints name ("--config x"). Before
/// anything can fail.
void set_own_options(std::string options);

/// To standard error: `what` did not work, why, and what to do next, where there is something.
void print_error(std::string_view what, std::string_view why, std::string_view hint);
/// Prints both lines to standard error (`what` did not work, for example "cannot serve") and returns the exit
/// code that the failure means: 3 configuration invalid, 4 not authenticated or denied, 5 unreachable, 1
/// otherwise.
int cli_error(std::string_view what, const Failure& failure);

}  // namespace postern::gateway

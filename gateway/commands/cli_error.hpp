// Prints the program's errors on the terminal: what happened and why, and then what to do next.
#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"

namespace postern::gateway {

/// Sets the options that this command was given ("--config x"), which are added to the commands that hints
/// name. It must be called before anything can fail. Not thread-safe.
void set_own_options(std::string options);

/// Prints to standard error that `what` did not work, and `why`; then `hint`, what to do next, unless it is
/// empty.
void print_error(std::string_view what, std::string_view why, std::string_view hint);
/// Prints the failure and the hint for its code to standard error; `what` did not work, for example "cannot
/// serve". Returns the exit code of the failure: 3 the configuration is invalid, 4 not authenticated or
/// denied, 5 unreachable, 1 otherwise.
int cli_error(std::string_view what, const Failure& failure);

}  // namespace postern::gateway

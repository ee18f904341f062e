// What a program prints arrives, or it says so: a full disk leaves no half of a list that looks like a whole
// one.
#pragma once

#include <functional>
#include <string_view>

namespace postern {

/// Runs `command`, and returns its exit code once what it printed on standard output is written. Where that
/// cannot be, says so on standard error and returns `when_lost`, unless the command failed for another
/// reason. A reader that has had enough (EPIPE) is none.
int deliver(std::string_view program, int when_lost, const std::function<int()>& command);

}  // namespace postern

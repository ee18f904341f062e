// A secret that a command is given: from a file or a pipe, because every user of a machine can read the
// command lines of the others.
#pragma once

#include <filesystem>
#include <string_view>

#include "base/result.hpp"
#include "base/secret.hpp"

namespace postern {

/// The first line of the file, without blanks around it; without a file, of standard input, after `question`
/// when that is a terminal. Code::config_invalid when there is none.
Result<Secret> read_secret_line(const std::filesystem::path& file, std::string_view question);

}  // namespace postern

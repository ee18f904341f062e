// A secret that a command is given: by a person, who does not see it on the screen, from a file or a pipe.
// Not on the command line, because every user of a machine can read those of the others.
#pragma once

#include <filesystem>
#include <string_view>

#include "base/result.hpp"
#include "base/secret.hpp"

namespace postern {

/// The first line that comes, without its end. Takes nothing of what is behind it. Code::end_of_stream when
/// nothing comes, Code::request_too_large beyond 4096 bytes.
Result<Secret> read_secret_line(int fd);

/// What the person at the terminal answers to `question`, without echo, which is on again whatever happens:
/// also when a signal ends the program, as Ctrl-C does. Code::config_invalid when there is no terminal,
/// Code::end_of_stream when there is no answer. For one thread of the process at a time.
Result<Secret> ask_secret_line(std::string_view question);

/// The first line of the file, without blanks around it; without a file, of standard input, or of the person
/// when that is a terminal. Code::config_invalid when there is none.
Result<Secret> read_secret_line(const std::filesystem::path& file, std::string_view question);

}  // namespace postern

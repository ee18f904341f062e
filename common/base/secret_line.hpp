// A secret that a command is given: by a person, who does not see it on the screen, from a file or a pipe.
// Not on the command line, because every user of a machine can read those of the others.
#pragma once

#include <filesystem>
#include <functional>
#include <string_view>

#include "base/result.hpp"
#include "base/secret.hpp"

namespace postern {

/// Waits until the descriptor can be read, while it looks after whatever else may come. False gives up.
using WaitForInput = std::function<bool(int fd)>;

/// The first line that comes, without its end. Takes nothing of what is behind it. Code::end_of_stream when
/// nothing comes, Code::request_too_large beyond 4096 bytes, Code::cancelled when `wait` gave up.
Result<Secret> read_secret_line(int fd, const WaitForInput& wait = nullptr);

/// What the person at the terminal answers to `question`, without echo, which is on again whatever happens:
/// also when a signal ends the program, as Ctrl-C does. Where signals are blocked, `wait` is to see them.
/// Code::config_invalid when there is no terminal, Code::end_of_stream when there is no answer,
/// Code::cancelled when `wait` gave up. For one thread of the process at a time.
Result<Secret> ask_secret_line(std::string_view question, const WaitForInput& wait = nullptr);

/// The first line of the file, without blanks around it; without a file, of standard input, or of the person
/// when that is a terminal. Code::config_invalid when there is none.
Result<Secret> read_secret_line(const std::filesystem::path& file, std::string_view question);

}  // namespace postern

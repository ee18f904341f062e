// A secret that a command is given: by a person, who does not see it on the screen, from a file, a pipe or
// the environment. The one reading of it for all programs. Not on the command line, because every user of a
// machine can read those of the others.
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

/// What may stand around a secret without belonging to it.
enum class SecretKind {
    /// A person's own: all that was typed belongs to it, blanks too.
    password,
    /// Made by a program: blanks around it come from copying.
    token
};

/// The secret that a line stands for, whichever way it came: a byte order mark and the line's end are taken
/// off, and blanks around a token. Code::config_invalid, with `source` and what is wrong, where nothing is
/// left, or what is there is not UTF-8 or holds a NUL.
Result<Secret> secret_of(const Secret& line, SecretKind kind, std::string_view source);

/// The first line of a file, or of a pipe (also /dev/fd/N, as <(command) of a shell makes it), which is
/// waited for half a minute at most. As secret_of(); Code::not_found or Code::io_failed where it cannot be
/// read, Code::timed_out, Code::request_too_large beyond 4096 bytes.
Result<Secret> read_secret_file(const std::filesystem::path& file, SecretKind kind);

/// The first line of standard input. As secret_of().
Result<Secret> read_secret_input(SecretKind kind, const WaitForInput& wait = nullptr);

/// What the person at the terminal answers. As ask_secret_line() and secret_of().
Result<Secret> ask_secret(std::string_view question, SecretKind kind, const WaitForInput& wait = nullptr);

/// From the file; without one, from standard input, or from the person when that is a terminal.
Result<Secret> read_secret(const std::filesystem::path& file, std::string_view question, SecretKind kind);

}  // namespace postern

// Reads a secret that is given to a command: typed by a person with echo off, or from a file, a pipe or
// standard input. All programs read secrets in this way. A secret is never taken from the command line,
// because every user of a machine can read the command lines of the others.
#pragma once

#include <filesystem>
#include <functional>
#include <string_view>

#include "base/result.hpp"
#include "base/secret.hpp"

namespace postern {

/// Waits until `fd` can be read, and may handle other events in the meantime. Returns false to give up.
using WaitForInput = std::function<bool(int fd)>;

/// Reads the first line from `fd`, without its line end, and nothing after it. Fails with Code::end_of_stream
/// when the input ends before the first byte, with Code::request_too_large beyond 4096 bytes, and with
/// Code::cancelled when `wait` gave up.
Result<Secret> read_secret_line(int fd, const WaitForInput& wait = nullptr);

/// Asks `question` on the terminal and returns the answer. Echo is off while the person types and is restored
/// in any case, also when a signal such as that of Ctrl-C ends the program. If signals are blocked, `wait`
/// must notice them. Fails with Code::config_invalid when there is no terminal, with Code::end_of_stream when
/// there is no answer, and with Code::cancelled when `wait` gave up. Only one thread of the process may call
/// it at a time.
Result<Secret> ask_secret_line(std::string_view question, const WaitForInput& wait = nullptr);

/// The kind of a secret: it decides whether blanks around the secret belong to it.
enum class SecretKind {
    /// A person chose it: everything that was typed belongs to it, including blanks.
    password,
    /// A program made it: blanks around it come from copying.
    token
};

/// Extracts the secret from a line, wherever the line came from: removes a byte order mark and the line end,
/// and blanks around a token. Fails with Code::config_invalid, naming `source` and the fault, when nothing is
/// left, or when the rest is not UTF-8 or contains a NUL.
Result<Secret> secret_of(const Secret& line, SecretKind kind, std::string_view source);

/// Reads the secret from the first line of a file or a pipe (also /dev/fd/N, as a shell's <(command) makes
/// it). Waits for a pipe for at most 30 seconds. Fails as secret_of() does, with Code::not_found or
/// Code::io_failed if the file cannot be read, with Code::timed_out, and with Code::request_too_large beyond
/// 4096 bytes.
Result<Secret> read_secret_file(const std::filesystem::path& file, SecretKind kind);

/// Reads the secret from the first line of standard input. Fails as read_secret_line() and secret_of() do,
/// but with Code::config_invalid when there is no input.
Result<Secret> read_secret_input(SecretKind kind, const WaitForInput& wait = nullptr);

/// Asks the person at the terminal for the secret. Fails as ask_secret_line() and secret_of() do.
Result<Secret> ask_secret(std::string_view question, SecretKind kind, const WaitForInput& wait = nullptr);

/// Reads the secret from `file`. If `file` is empty, asks the person when standard input is a terminal, and
/// reads standard input otherwise.
Result<Secret> read_secret(const std::filesystem::path& file, std::string_view question, SecretKind kind);

}  // namespace postern

// How the commands communicate with a person: errors in two lines, and questions on the terminal.
#pragma once

#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "base/clock.hpp"
#include "base/printed.hpp"
#include "base/result.hpp"
#include "base/secret_line.hpp"
#include "client-proxy/refusal/refusal.hpp"

namespace postern::client {

/// Sets whether failures are also printed on standard output, as one line of JSON: {"event": "error", "code",
/// "message", "hint", "connection_id"}. It applies to the whole process, and is called before anything can
/// fail.
void set_json_failures(bool is_wanted);

/// The string member `key`, made safe for a terminal by shown(); empty when there is none.
std::string word_in(const nlohmann::json& told, const char* key);

/// Prints "postern: error: …" and "hint: …" on standard error; returns the exit code.
int fail(const Refusal& refusal);
/// The same for a command that was used wrongly; returns the exit code 2.
int fail_usage(std::string_view message, std::string_view hint);

/// Whether the descriptor is a terminal on which a line can be redrawn.
bool is_drawable(int fd);
/// Whether this process is in the foreground of the terminal. A background job neither draws on it nor asks.
/// True when this is not known.
bool is_in_foreground(int fd);
/// Whether colours may be used on the descriptor: it is a drawable terminal, and NO_COLOR is not set.
bool has_color(int fd);
/// Whether the person's terminal supports more than ASCII, judged by the locale variables.
bool has_unicode();
/// The number of columns that a line may use without wrapping.
std::size_t terminal_width(int fd);

/// Writes to the terminal what the next question is about. Errors: Code::config_invalid without a terminal.
Result<void> tell_on_terminal(std::string_view text);
/// Asks on the terminal; returns the answer without its newline, or `fallback` when it is empty. Errors:
/// Code::config_invalid without a terminal; Code::cancelled when `wait` returned false.
Result<std::string> ask(std::string_view question, std::string_view fallback, const WaitForInput& wait);

/// The local time: "14:30:05" for today, "23 Nov 14:30" for another day.
std::string local_time(SystemTime time, SystemTime now);

}  // namespace postern::client

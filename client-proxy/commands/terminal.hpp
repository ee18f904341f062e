// How the commands speak with a person: errors in two lines, questions on the terminal.
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

/// Whether failures are also said on standard output, as one line of JSON: {"event": "error", "code", "message",
/// "hint", "connection_id"}. For the process; set before anything can fail.
void set_json_failures(bool is_wanted);

/// The member as shown() has it; empty where there is none.
std::string word_in(const nlohmann::json& told, const char* key);

/// "postern: error: …" and "hint: …" on standard error; returns the exit code.
int fail(const Refusal& refusal);
/// For a command that was used wrongly: exit code 2.
int fail_usage(std::string_view message, std::string_view hint);

/// Whether the descriptor is a terminal on which a line can be drawn anew.
bool is_drawable(int fd);
/// Whether the terminal is this process's: a job in the background neither draws on it nor asks.
bool is_in_foreground(int fd);
/// Whether colours may be used on the descriptor (such a terminal, NO_COLOR not set).
bool has_color(int fd);
/// Whether the person's terminal takes more than ASCII, by the locale that it is set to.
bool has_unicode();
/// Columns that a line may fill without wrapping.
std::size_t terminal_width(int fd);

/// Something that the next question is about. Code::config_invalid without a terminal.
Result<void> tell_on_terminal(std::string_view text);
/// One line from the terminal, without its newline; `fallback` for an empty one. Code::config_invalid without
/// a terminal, Code::cancelled when `wait` gave up.
Result<std::string> ask(std::string_view question, std::string_view fallback, const WaitForInput& wait);

/// "14:30" today, "23 Nov 14:30" on another day; local time.
std::string local_time(SystemTime time, SystemTime now);

}  // namespace postern::client

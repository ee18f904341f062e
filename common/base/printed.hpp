// Prints a program's output. Text from others cannot control the terminal, and an output that cannot be
// written is an error: a full disk does not leave half of a list that looks complete.
#pragma once

#include <cstddef>
#include <cstdio>
#include <functional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json_fwd.hpp>

#include "base/shown_text.hpp"

namespace postern {

/// The most bytes that are printed of one argument.
constexpr std::size_t kMostPrinted = 64UL * 1024;

/// Turns a text into shown(), and leaves a number as it is. Other types do not compile: the caller must make
/// a text of them first.
template <class T>
auto as_shown(const T& argument) {
    if constexpr (std::is_convertible_v<const T&, std::string_view>) {
        return shown(argument, kMostPrinted);
    } else {
        static_assert(std::is_arithmetic_v<T>, "make a text of it");
        return argument;
    }
}

/// Prints to `to`, with each argument passed through as_shown(): line breaks and other control characters can
/// only come from the format.
template <class... Arguments>
void say_to(std::FILE* to, fmt::format_string<decltype(as_shown(std::declval<const Arguments&>()))...> format,
            const Arguments&... arguments) {
    fmt::print(to, format, as_shown(arguments)...);
}

/// Does the same as say_to(), on standard output.
template <class... Arguments>
void say(fmt::format_string<decltype(as_shown(std::declval<const Arguments&>()))...> format,
         const Arguments&... arguments) {
    fmt::print(stdout, format, as_shown(arguments)...);
}

/// Prints JSON on standard output, followed by a line end; for --json. With an `indent` of 0 or more it is on
/// several lines, otherwise on one. The output is ASCII, so that text from others cannot control the
/// terminal.
void say_json(const nlohmann::json& told, int indent = -1);

/// Runs `command`, flushes standard output, and returns the command's exit code. If the output cannot be
/// written, it says so on standard error and returns `when_lost`, unless the command itself returned an
/// error. A reader that closed the pipe early (EPIPE) is not an error.
int deliver(std::string_view program, int when_lost, const std::function<int()>& command);

}  // namespace postern

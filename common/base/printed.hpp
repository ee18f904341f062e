// What a program prints: no text in it that somebody else wrote does anything to a terminal, and it arrives,
// or the program says so: a full disk leaves no half of a list that looks like a whole one.
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

constexpr std::size_t kMostPrinted = 64UL * 1024;

/// A text as shown() has it, a number as it is. Nothing else: what it would print as, is said first.
template <class T>
auto as_shown(const T& argument) {
    if constexpr (std::is_convertible_v<const T&, std::string_view>) {
        return shown(argument, kMostPrinted);
    } else {
        static_assert(std::is_arithmetic_v<T>, "make a text of it");
        return argument;
    }
}

/// Prints, with each argument as_shown(): line breaks and what else moves a cursor are those of the format
/// alone.
template <class... Arguments>
void say_to(std::FILE* to, fmt::format_string<decltype(as_shown(std::declval<const Arguments&>()))...> format,
            const Arguments&... arguments) {
    fmt::print(to, format, as_shown(arguments)...);
}

/// The same on standard output.
template <class... Arguments>
void say(fmt::format_string<decltype(as_shown(std::declval<const Arguments&>()))...> format,
         const Arguments&... arguments) {
    fmt::print(stdout, format, as_shown(arguments)...);
}

/// For --json. Prints it on a line of its own; indented with `indent`, on one line without. In ASCII, so that what others wrote does
/// nothing to a terminal either.
void say_json(const nlohmann::json& told, int indent = -1);

/// Runs `command`, and returns its exit code once what it printed on standard output is written. Where that
/// cannot be, says so on standard error and returns `when_lost`, unless the command failed for another
/// reason. A reader that has had enough (EPIPE) is none.
int deliver(std::string_view program, int when_lost, const std::function<int()>& command);

}  // namespace postern

#include "client-proxy/commands/terminal.hpp"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/json.hpp"
#include "base/reason.hpp"
#include "base/shown_text.hpp"
#include "base/unique_fd.hpp"
#include "client-proxy/control/json_rpc.hpp"

namespace postern::client {

namespace {

void write_all(int fd, std::string_view text) {
    while (!text.empty()) {
        const ssize_t written = ::write(fd, text.data(), text.size());
        if (written <= 0) {
            return;
        }
        text.remove_prefix(static_cast<std::size_t>(written));
    }
}

bool g_has_json_failures = false;

void tell_as_json(std::string_view code, std::string_view message, std::string_view hint, std::string_view id) {
    if (!g_has_json_failures) {
        return;
    }
    const nlohmann::json event = {
        {"event", "error"}, {"code", code}, {"message", message}, {"hint", hint}, {"connection_id", id}};
    std::fputs((ascii_json_text(event) + "\n").c_str(), stdout);
    std::fflush(stdout);
}

Result<UniqueFd> open_terminal() {
    UniqueFd terminal(::open("/dev/tty", O_RDWR | O_CLOEXEC));
    if (!terminal) {
        return Failure{Code::config_invalid, "there is no terminal to ask on"};
    }
    return terminal;
}

}  // namespace

void set_json_failures(bool is_wanted) {
    g_has_json_failures = is_wanted;
}

int fail(const Refusal& refusal) {
    tell_as_json(name(refusal.code), refusal.message, refusal.hint, refusal.connection_id);
    std::fflush(stdout);
    std::string text;
    // A configuration may have several faults, each on its own line.
    for (std::string_view left = refusal.message; !left.empty() || text.empty();) {
        const auto end = std::min(left.find('\n'), left.size());
        text += fmt::format("postern: error: {}\n", shown(left.substr(0, end)));
        left.remove_prefix(std::min(end + 1, left.size()));
    }
    if (!refusal.hint.empty()) {
        text += fmt::format("hint: {}\n", shown(refusal.hint));
    }
    std::fputs(text.c_str(), stderr);
    return reason_of(refusal.code).exit_code;
}

std::string word_in(const nlohmann::json& told, const char* key) {
    return shown(control::text_in(told, key));
}

int fail_usage(std::string_view message, std::string_view hint) {
    tell_as_json("usage", message, hint, {});
    const std::string text = fmt::format("postern: error: {}\nhint: {}\n", shown(message), shown(hint));
    std::fputs(text.c_str(), stderr);
    return 2;
}

bool is_drawable(int fd) {
    const char* const kind = std::getenv("TERM");
    return ::isatty(fd) == 1 && kind != nullptr && *kind != '\0' && std::string_view(kind) != "dumb";
}

bool is_in_foreground(int fd) {
    const pid_t owner = ::tcgetpgrp(fd);
    // Nothing is known about a terminal that is not this process's controlling terminal.
    return owner < 0 || owner == ::getpgrp();
}

/// By no-color.org, NO_COLOR counts when it is set and not empty.
bool has_color(int fd) {
    const char* const unwanted = std::getenv("NO_COLOR");
    return is_drawable(fd) && (unwanted == nullptr || *unwanted == '\0');
}

bool has_unicode() {
    for (const char* variable : {"LC_ALL", "LC_CTYPE", "LANG"}) {
        const char* const value = std::getenv(variable);
        if (value != nullptr && *value != '\0') {
            const std::string_view locale(value);
            return locale.find("UTF-8") != locale.npos || locale.find("utf8") != locale.npos;
        }
    }
    return false;
}

std::size_t terminal_width(int fd) {
    winsize size{};
    const bool is_known = ::ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
    return is_known ? size.ws_col - 1U : 79U;
}

Result<void> tell_on_terminal(std::string_view text) {
    auto terminal = open_terminal();
    if (!terminal) {
        return terminal.error();
    }
    write_all(terminal->get(), text);
    return {};
}

Result<std::string> ask(std::string_view question, std::string_view fallback, const WaitForInput& wait) {
    auto terminal = open_terminal();
    if (!terminal) {
        return terminal.error();
    }
    write_all(terminal->get(), fallback.empty() ? fmt::format("{}: ", shown(question))
                                                : fmt::format("{} [{}]: ", shown(question), shown(fallback)));
    auto line = read_secret_line(terminal->get(), wait);
    if (!line) {
        return line.error();
    }
    return std::string(line->is_empty() ? fallback : line->reveal());
}

std::string local_time(SystemTime time, SystemTime now) {
    const auto parts = [](SystemTime moment) {
        const std::time_t seconds = std::chrono::system_clock::to_time_t(
            std::chrono::time_point_cast<std::chrono::system_clock::duration>(moment));
        std::tm broken{};
        ::localtime_r(&seconds, &broken);
        return broken;
    };
    const std::tm then = parts(time);
    const std::tm today = parts(now);
    const bool is_today = then.tm_year == today.tm_year && then.tm_yday == today.tm_yday;
    std::array<char, 32> text{};
    std::strftime(text.data(), text.size(), is_today ? "%H:%M:%S" : "%e %b %H:%M", &then);
    return text.data();
}

}  // namespace postern::client

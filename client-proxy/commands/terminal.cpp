#include "client-proxy/commands/terminal.hpp"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <utility>

#include <fmt/format.h>

#include "base/unique_fd.hpp"
#include "client-proxy/commands/notes.hpp"

namespace postern::client {

namespace {

constexpr std::size_t kMostLineBytes = 1024;

// Ctrl-C at the question leaves the terminal as it was.
class EchoOff {
public:
    explicit EchoOff(int fd) : fd_(fd) {
        sigset_t signals;
        sigemptyset(&signals);
        for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP}) {
            sigaddset(&signals, signal);
        }
        ::pthread_sigmask(SIG_BLOCK, &signals, &before_signals_);
        if (::tcgetattr(fd_, &before_) == 0) {
            termios changed = before_;
            changed.c_lflag &= ~static_cast<tcflag_t>(ECHO);
            // Signal characters end the question as an error instead of ending the process with the echo off.
            changed.c_lflag &= ~static_cast<tcflag_t>(ISIG);
            is_off_ = ::tcsetattr(fd_, TCSAFLUSH, &changed) == 0;
        }
    }
    ~EchoOff() {
        if (is_off_) {
            ::tcsetattr(fd_, TCSAFLUSH, &before_);
        }
        ::pthread_sigmask(SIG_SETMASK, &before_signals_, nullptr);
    }
    EchoOff(const EchoOff&) = delete;
    EchoOff& operator=(const EchoOff&) = delete;

private:
    int fd_;
    bool is_off_ = false;
    termios before_{};
    sigset_t before_signals_{};
};

// Byte by byte: what comes behind the line is not ours.
Result<std::string> read_line(int fd) {
    std::string line;
    for (;;) {
        char character = 0;
        const ssize_t got = ::read(fd, &character, 1);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            if (line.empty()) {
                return Failure{Code::end_of_stream, "no answer"};
            }
            return line;
        }
        if (character == '\n') {
            if (line.ends_with('\r')) {
                line.pop_back();
            }
            return line;
        }
        if (character == '\x03' || character == '\x04') {
            return Failure{Code::cancelled, "cancelled"};
        }
        line.push_back(character);
        if (line.size() > kMostLineBytes) {
            return Failure{Code::request_too_large, "the line is too long"};
        }
    }
}

void write_all(int fd, std::string_view text) {
    while (!text.empty()) {
        const ssize_t written = ::write(fd, text.data(), text.size());
        if (written <= 0) {
            return;
        }
        text.remove_prefix(static_cast<std::size_t>(written));
    }
}

Result<UniqueFd> open_terminal() {
    UniqueFd terminal(::open("/dev/tty", O_RDWR | O_CLOEXEC));
    if (!terminal) {
        return Failure{Code::config_invalid, "there is no terminal to ask on"};
    }
    return terminal;
}

}  // namespace

int fail(const Refusal& refusal) {
    std::fflush(stdout);
    std::string text;
    // A configuration may have several faults, each on a line of its own.
    for (std::string_view left = refusal.message; !left.empty() || text.empty();) {
        const auto end = std::min(left.find('\n'), left.size());
        text += fmt::format("postern: error: {}\n", printable(left.substr(0, end)));
        left.remove_prefix(std::min(end + 1, left.size()));
    }
    if (!refusal.hint.empty()) {
        text += fmt::format("hint: {}\n", printable(refusal.hint));
    }
    std::fputs(text.c_str(), stderr);
    return exit_code_of(refusal.code);
}

int fail_usage(std::string_view message, std::string_view hint) {
    const std::string text = fmt::format("postern: error: {}\nhint: {}\n", message, hint);
    std::fputs(text.c_str(), stderr);
    return 2;
}

bool is_drawable(int fd) {
    const char* const kind = std::getenv("TERM");
    return ::isatty(fd) == 1 && kind != nullptr && *kind != '\0' && std::string_view(kind) != "dumb";
}

// no-color.org: set to anything but nothing.
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

Result<std::string> ask(std::string_view question, std::string_view fallback) {
    auto terminal = open_terminal();
    if (!terminal) {
        return terminal.error();
    }
    write_all(terminal->get(), fallback.empty() ? fmt::format("{}: ", question)
                                                : fmt::format("{} [{}]: ", question, fallback));
    auto line = read_line(terminal->get());
    if (line && line->empty()) {
        return std::string(fallback);
    }
    return line;
}

Result<Secret> ask_password(std::string_view question) {
    auto terminal = open_terminal();
    if (!terminal) {
        return terminal.error();
    }
    auto line = [&] {
        // Before the question: who answers at once must not see the answer on the screen, nor lose it.
        const EchoOff echo_off(terminal->get());
        write_all(terminal->get(), fmt::format("{}: ", question));
        return read_line(terminal->get());
    }();
    write_all(terminal->get(), "\n");
    if (!line) {
        return line.error();
    }
    return Secret(*std::move(line));
}

Result<Secret> password_from_stdin() {
    auto line = read_line(STDIN_FILENO);
    if (!line) {
        return line.error();
    }
    return Secret(*std::move(line));
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

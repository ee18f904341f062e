#include "base/secret_line.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "base/file.hpp"
#include "base/unique_fd.hpp"

namespace postern {

namespace {

constexpr std::size_t kLongestLine = 4096;

/// The terminal whose echo is off and its settings from before, which a signal that ends the program must
/// restore.
int quiet_terminal = -1;
termios loud{};

/// A signal handler: restores the terminal and ends the program by the same signal.
extern "C" void restore_terminal_and_end(int number) {
    // All these functions are safe in a signal handler (POSIX.1-2008, section 2.4.3). The raised signal is
    // delivered with its default action when the handler returns. A half-typed secret is neither shown nor
    // left for the shell to read.
    ::tcflush(quiet_terminal, TCIFLUSH);
    ::tcsetattr(quiet_terminal, TCSANOW, &loud);
    if (::write(quiet_terminal, "\n", 1) < 0) {
        // The terminal is gone; nothing can be done.
    }
    ::signal(number, SIG_DFL);
    ::raise(number);
}

/// Switches echo off for as long as it exists. There may be only one at a time.
class QuietTerminal {
public:
    explicit QuietTerminal(int terminal) {
        if (::tcgetattr(terminal, &loud) != 0) {
            return;
        }
        quiet_terminal = terminal;
        is_quiet_ = true;
        struct sigaction ending {};
        ending.sa_handler = restore_terminal_and_end;
        for (std::size_t i = 0; i < kEnding.size(); ++i) {
            ::sigaction(kEnding[i], nullptr, &before_[i]);
            if (before_[i].sa_handler != SIG_IGN) {
                ::sigaction(kEnding[i], &ending, nullptr);
            }
        }
        termios quiet = loud;
        quiet.c_lflag &= ~static_cast<tcflag_t>(ECHO);
        quiet.c_lflag |= ECHONL;
        // Suspending is disabled, because the shell would come back to a terminal without echo.
        quiet.c_cc[VSUSP] = _POSIX_VDISABLE;
        ::tcsetattr(terminal, TCSAFLUSH, &quiet);
    }
    ~QuietTerminal() {
        if (!is_quiet_) {
            return;
        }
        ::tcsetattr(quiet_terminal, TCSAFLUSH, &loud);
        for (std::size_t i = 0; i < kEnding.size(); ++i) {
            ::sigaction(kEnding[i], &before_[i], nullptr);
        }
    }
    QuietTerminal(const QuietTerminal&) = delete;
    QuietTerminal& operator=(const QuietTerminal&) = delete;

private:
    static constexpr std::array<int, 4> kEnding{SIGINT, SIGTERM, SIGHUP, SIGQUIT};
    std::array<struct sigaction, 4> before_{};
    bool is_quiet_ = false;
};

}  // namespace

Result<Secret> read_secret_line(int fd, const WaitForInput& wait) {
    std::string line;
    // Reserved, so that no copy of the secret is left in memory that the string has outgrown.
    line.reserve(kLongestLine + 1);
    const auto end = [&line]() -> Result<Secret> {
        if (line.ends_with('\r')) {
            line.pop_back();
        }
        return Secret(std::move(line));
    };
    while (line.size() <= kLongestLine) {
        if (wait && !wait(fd)) {
            const Secret wiped(std::move(line));
            return Failure{Code::cancelled, "interrupted"};
        }
        char c = 0;
        const ssize_t got = ::read(fd, &c, 1);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            return line.empty() ? Failure{Code::end_of_stream, "no answer"} : end();
        }
        if (c == '\n') {
            return end();
        }
        line += c;
    }
    const Secret wiped(std::move(line));
    return Failure{Code::request_too_large, "the line is too long"};
}

Result<Secret> ask_secret_line(std::string_view question, const WaitForInput& wait) {
    const UniqueFd terminal(::open("/dev/tty", O_RDWR | O_CLOEXEC));
    if (!terminal) {
        return Failure{Code::config_invalid, "there is no terminal to ask on"};
    }
    // Echo goes off before the question: an answer typed at once must neither appear on the screen nor be
    // lost.
    const QuietTerminal quiet(terminal.get());
    if (::write(terminal.get(), question.data(), question.size()) < 0) {
        return Failure{Code::end_of_stream, "no answer"};
    }
    auto line = read_secret_line(terminal.get(), wait);
    if (!line && ::write(terminal.get(), "\n", 1) < 0) {
        // The only effect is that the next output follows the question on the same line.
    }
    return line;
}

namespace {

constexpr std::chrono::seconds kPipeTimeout{30};

/// Whether the text is UTF-8 (RFC 3629): no overlong forms, no surrogates, nothing beyond U+10FFFF.
bool is_utf8(std::string_view text) {
    for (std::size_t i = 0; i < text.size();) {
        const auto byte = [&](std::size_t at) {
            return at < text.size() ? static_cast<unsigned char>(text[at]) : 0U;
        };
        const unsigned first = byte(i);
        const std::size_t more = first < 0x80                    ? 0
                                 : first >= 0xc2 && first < 0xe0 ? 1
                                 : (first & 0xf0U) == 0xe0       ? 2
                                                                 : 3;
        const bool is_first = first < 0x80 || (first >= 0xc2 && first <= 0xf4);
        const bool is_overlong =
            (first == 0xe0 && byte(i + 1) < 0xa0) || (first == 0xf0 && byte(i + 1) < 0x90);
        const bool is_beyond =
            (first == 0xed && byte(i + 1) >= 0xa0) || (first == 0xf4 && byte(i + 1) >= 0x90);
        if (!is_first || is_overlong || is_beyond) {
            return false;
        }
        for (std::size_t k = 1; k <= more; ++k) {
            if ((byte(i + k) & 0xc0U) != 0x80U) {
                return false;
            }
        }
        i += more + 1;
    }
    return true;
}

}  // namespace

Result<Secret> secret_of(const Secret& line, SecretKind kind, std::string_view source) {
    std::string_view text = line.reveal();
    if (text.starts_with("\xff\xfe") || text.starts_with("\xfe\xff")) {
        return Failure{Code::config_invalid, fmt::format("{} is in UTF-16: write it as UTF-8", source)};
    }
    if (text.starts_with("\xef\xbb\xbf")) {
        text.remove_prefix(3);
    }
    text = text.substr(0, text.find('\n'));
    if (text.ends_with('\r')) {
        text.remove_suffix(1);
    }
    if (kind == SecretKind::token) {
        constexpr std::string_view kBlanks = " \t\r";
        text.remove_prefix(std::min(text.find_first_not_of(kBlanks), text.size()));
        text = text.substr(0, text.find_last_not_of(kBlanks) + 1);
    }
    if (text.empty()) {
        return Failure{Code::config_invalid, fmt::format("{} is empty", source)};
    }
    if (!is_utf8(text) || text.find('\0') != std::string_view::npos) {
        return Failure{Code::config_invalid, fmt::format("{} is not UTF-8 text", source)};
    }
    return Secret(text);
}

Result<Secret> read_secret_file(const std::filesystem::path& file, SecretKind kind) {
    // open(2) must not wait for a writer of the pipe.
    const UniqueFd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
    struct stat info {};
    if (!fd || ::fstat(fd.get(), &info) != 0) {
        return io_failure("cannot open", file);
    }
    if (!S_ISREG(info.st_mode) && !S_ISFIFO(info.st_mode)) {
        return Failure{Code::io_failed, fmt::format("{} is neither a file nor a pipe", file.string())};
    }
    bool is_in_time = true;
    const auto until = std::chrono::steady_clock::now() + kPipeTimeout;
    const auto line = read_secret_line(fd.get(), [&](int descriptor) {
        const auto left =
            std::chrono::duration_cast<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
        pollfd readable{descriptor, POLLIN, 0};
        is_in_time = ::poll(&readable, 1, static_cast<int>(std::max<std::int64_t>(left.count(), 0))) > 0;
        return is_in_time;
    });
    if (!line && line.error().code == Code::cancelled) {
        return Failure{Code::timed_out, fmt::format("nothing came through {}", file.string())};
    }
    if (!line && line.error().code != Code::end_of_stream) {
        return line;
    }
    return secret_of(line ? *line : Secret(), kind, file.string());
}

Result<Secret> read_secret_input(SecretKind kind, const WaitForInput& wait) {
    const auto line = read_secret_line(STDIN_FILENO, wait);
    if (!line && line.error().code != Code::end_of_stream) {
        return line;
    }
    if (!line || line->is_empty()) {
        return Failure{Code::config_invalid, "nothing came on standard input"};
    }
    return secret_of(*line, kind, "what came on standard input");
}

Result<Secret> ask_secret(std::string_view question, SecretKind kind, const WaitForInput& wait) {
    const auto line = ask_secret_line(question, wait);
    return line ? secret_of(*line, kind, "what was typed") : line;
}

Result<Secret> read_secret(const std::filesystem::path& file, std::string_view question, SecretKind kind) {
    if (!file.empty()) {
        return read_secret_file(file, kind);
    }
    return ::isatty(STDIN_FILENO) == 1 ? ask_secret(question, kind) : read_secret_input(kind);
}

}  // namespace postern

#include "base/secret_line.hpp"

#include <fcntl.h>
#include <signal.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "base/file.hpp"
#include "base/unique_fd.hpp"

namespace postern {

namespace {

constexpr std::size_t kLongestLine = 4096;

/// What a signal that ends the program while echo is off must put back.
int quiet_terminal = -1;
termios loud{};

extern "C" void restore_terminal_and_end(int number) {
    // All of them are safe in a signal handler (POSIX.1-2008, section 2.4.3). The signal itself comes again,
    // with its own effect, when this returns. Half a secret is neither shown nor left for the shell to read.
    ::tcflush(quiet_terminal, TCIFLUSH);
    ::tcsetattr(quiet_terminal, TCSANOW, &loud);
    if (::write(quiet_terminal, "\n", 1) < 0) {
        // Nobody is there any more.
    }
    ::signal(number, SIG_DFL);
    ::raise(number);
}

/// Echo off while it lives. One at a time.
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
        // A shell that takes over meanwhile would be without echo.
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
    // No copy of it stays behind where it grew.
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
    // Before the question: who answers at once must not see the answer on the screen, nor lose it.
    const QuietTerminal quiet(terminal.get());
    if (::write(terminal.get(), question.data(), question.size()) < 0) {
        return Failure{Code::end_of_stream, "no answer"};
    }
    auto line = read_secret_line(terminal.get(), wait);
    if (!line && ::write(terminal.get(), "\n", 1) < 0) {
        // What comes next stands behind the question.
    }
    return line;
}

Result<Secret> read_secret_line(const std::filesystem::path& file, std::string_view question) {
    Result<Secret> line = Failure{};
    if (!file.empty()) {
        auto content = read_file(file, kLongestLine);
        if (!content) {
            return content.error();
        }
        const Secret whole(std::move(*content));
        const std::string_view text = whole.reveal();
        line = Secret(text.substr(0, text.find('\n')));
    } else {
        line = ::isatty(STDIN_FILENO) == 1 ? ask_secret_line(question) : read_secret_line(STDIN_FILENO);
    }
    if (!line && line.error().code != Code::end_of_stream) {
        return line;
    }
    const std::string_view text = line ? line->reveal() : std::string_view();
    const std::size_t begin = text.find_first_not_of(" \t\r");
    if (begin == std::string_view::npos) {
        return Failure{Code::config_invalid, file.empty() ? std::string("nothing came on standard input")
                                                          : fmt::format("{} is empty", file.string())};
    }
    const std::size_t end = text.find_last_not_of(" \t\r") + 1;
    return Secret(text.substr(begin, end - begin));
}

}  // namespace postern

#include "ca-service/commands/password_prompt.hpp"

#include <fcntl.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <optional>

#include <fmt/format.h>

#include "base/unique_fd.hpp"
#include "ca-service/password.hpp"

namespace postern::ca::commands {

namespace {

constexpr std::size_t kLongestLine = 4096;

/// One line without its end; nothing at the end of the input.
std::optional<Secret> read_line(int fd) {
    std::string line;
    line.reserve(kLongestLine);
    while (line.size() < kLongestLine) {
        char c = 0;
        const ssize_t got = ::read(fd, &c, 1);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            if (line.empty()) {
                return std::nullopt;
            }
            break;
        }
        if (c == '\n') {
            break;
        }
        line += c;
    }
    if (line.ends_with('\r')) {
        line.pop_back();
    }
    return Secret(std::move(line));
}

/// What a signal that ends the program while echo is off must put back.
int quiet_fd = -1;
termios loud{};

extern "C" void restore_terminal_and_end(int signal) {
    // Both calls are safe in a signal handler (POSIX.1-2008, section 2.4.3).
    ::tcsetattr(quiet_fd, TCSANOW, &loud);
    ::signal(signal, SIG_DFL);
    ::raise(signal);
}

/// Echo off while it lives. One at a time.
class QuietTerminal {
public:
    explicit QuietTerminal(int fd) {
        quiet_fd = fd;
        ::tcgetattr(fd, &loud);
        for (std::size_t i = 0; i < kEnding.size(); ++i) {
            before_[i] = ::signal(kEnding[i], restore_terminal_and_end);
        }
        termios quiet = loud;
        quiet.c_lflag &= ~static_cast<tcflag_t>(ECHO);
        quiet.c_lflag |= ECHONL;
        ::tcsetattr(fd, TCSAFLUSH, &quiet);
    }
    ~QuietTerminal() {
        ::tcsetattr(quiet_fd, TCSAFLUSH, &loud);
        for (std::size_t i = 0; i < kEnding.size(); ++i) {
            ::signal(kEnding[i], before_[i]);
        }
    }
    QuietTerminal(const QuietTerminal&) = delete;
    QuietTerminal& operator=(const QuietTerminal&) = delete;

private:
    static constexpr std::array<int, 4> kEnding{SIGINT, SIGTERM, SIGHUP, SIGQUIT};
    std::array<void (*)(int), 4> before_{};
};

std::optional<Secret> ask(int terminal, const std::string& question) {
    const QuietTerminal quiet(terminal);
    if (::write(terminal, question.data(), question.size()) < 0) {
        return std::nullopt;
    }
    return read_line(terminal);
}

}  // namespace

Outcome<Secret> read_new_password(const std::string& user, bool is_from_stdin) {
    std::optional<Secret> password;
    if (is_from_stdin) {
        password = read_line(STDIN_FILENO);
    } else {
        const UniqueFd terminal(::open("/dev/tty", O_RDWR | O_CLOEXEC));
        if (!terminal) {
            return Ending{Exit::failed, "cannot ask for a password: there is no terminal",
                          "pipe it in with --password-stdin"};
        }
        password = ask(terminal.get(), fmt::format("New password for {}: ", user));
        const auto again = ask(terminal.get(), "The same again: ");
        if (password && (!again || password->reveal() != again->reveal())) {
            return Ending{Exit::failed, "the two passwords differ", "run the command again"};
        }
    }
    if (!password) {
        return Ending{Exit::failed, "no password was given", "type one, or pipe it in with --password-stdin"};
    }
    if (auto checked = check_new_password(*password); !checked) {
        return Ending{
            Exit::failed, checked.error().detail,
            fmt::format("use at least {} characters; several words are a good choice", kLeastPasswordBytes)};
    }
    return std::move(*password);
}

}  // namespace postern::ca::commands

#include "client-proxy/commands/child_process.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>

#include <fmt/format.h>

#include "base/process.hpp"
#include "client-proxy/commands/terminal.hpp"

namespace postern::client {

namespace {

/// Runs in the forked child. Between fork and exec only async-signal-safe functions may be called, because
/// the process has threads. exec itself resets the signal handlers.
[[noreturn]] void become(char* const* arguments, const std::string& complaint, const Inherited& inherited,
                         const sigset_t& mask) {
    inherited.give_back();
    ::sigprocmask(SIG_SETMASK, &mask, nullptr);
    ::execvp(arguments[0], arguments);
    [[maybe_unused]] const ssize_t ignored = ::write(STDERR_FILENO, complaint.data(), complaint.size());
    ::_exit(127);
}

pid_t g_child = 0;

/// Forwards a signal that was sent to this process to the program, which decides what to do. Signals from the
/// terminal (Ctrl-C, a change of its size) reach the program by themselves.
void pass_on(int signal, siginfo_t* info, void*) {
    if (g_child > 0 && info->si_code != SI_KERNEL) {
        ::kill(g_child, signal);
    }
}

constexpr std::array kPassedOn{SIGINT, SIGQUIT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2, SIGWINCH};

void listen_for_signals() {
    struct sigaction action {};
    action.sa_sigaction = pass_on;
    action.sa_flags = SA_SIGINFO;
    for (const int signal : kPassedOn) {
        if (!is_ignored(signal)) {
            ::sigaction(signal, &action, nullptr);
        }
    }
}

}  // namespace

int run_child(std::vector<std::string> command, const Inherited& inherited) {
    std::string complaint = fmt::format("postern: error: {} cannot be started\n", command.front());
    if (command.front() == "psql") {
        complaint += "hint: Install it: apt install postgresql-client\n";
    }
    std::vector<char*> arguments;
    for (auto& word : command) {
        arguments.push_back(word.data());
    }
    arguments.push_back(nullptr);
    // All signals are blocked until the child is known, so that none is lost in between.
    sigset_t all;
    sigset_t mask;
    ::sigfillset(&all);
    ::sigprocmask(SIG_SETMASK, &all, &mask);
    listen_for_signals();
    const pid_t child = ::fork();
    if (child < 0) {
        return fail(Refusal{Code::io_failed,
                            fmt::format("{} cannot be started: {}", command.front(), std::strerror(errno)),
                            {},
                            {}});
    }
    if (child == 0) {
        become(arguments.data(), complaint, inherited, mask);
    }
    g_child = child;
    ::sigprocmask(SIG_SETMASK, &mask, nullptr);
    int status = 0;
    while (::waitpid(child, &status, 0) < 0) {
        if (errno != EINTR) {
            return 1;
        }
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace postern::client

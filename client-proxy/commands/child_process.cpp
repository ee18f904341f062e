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

// Between fork and exec only what is safe in the child of a process with threads. exec itself takes the
// handlers away.
[[noreturn]] void become(char* const* arguments, const std::string& complaint, const Inherited& inherited,
                         const sigset_t& mask) {
    inherited.give_back();
    ::sigprocmask(SIG_SETMASK, &mask, nullptr);
    ::execvp(arguments[0], arguments);
    [[maybe_unused]] const ssize_t ignored = ::write(STDERR_FILENO, complaint.data(), complaint.size());
    ::_exit(127);
}

pid_t g_child = 0;

// What the terminal sends (Ctrl-C, its new size) reaches the program by itself. A signal that somebody sent
// to this process is the program's to judge.
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
    // None is lost between the handlers and the program that they are for.
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

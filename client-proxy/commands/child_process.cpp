#include "client-proxy/commands/child_process.hpp"

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>

#include <fmt/format.h>

#include "client-proxy/commands/terminal.hpp"

namespace postern::client {

namespace {

// Between fork and exec only what is safe in the child of a process with threads.
[[noreturn]] void become(char* const* arguments, const std::string& complaint, mode_t umask) {
    ::umask(umask);
    for (const int signal : {SIGPIPE, SIGINT, SIGQUIT, SIGTERM, SIGHUP}) {
        ::signal(signal, SIG_DFL);
    }
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    ::execvp(arguments[0], arguments);
    [[maybe_unused]] const ssize_t ignored = ::write(STDERR_FILENO, complaint.data(), complaint.size());
    ::_exit(127);
}

pid_t g_child = 0;

// A signal that is meant for this process alone is the program's to judge.
void pass_on(int signal) {
    if (g_child > 0) {
        ::kill(g_child, signal);
    }
}

}  // namespace

int run_child(std::vector<std::string> command, mode_t umask) {
    std::string complaint = fmt::format("postern: error: {} cannot be started\n", command.front());
    if (command.front() == "psql") {
        complaint += "hint: Install it: apt install postgresql-client\n";
    }
    std::vector<char*> arguments;
    for (auto& word : command) {
        arguments.push_back(word.data());
    }
    arguments.push_back(nullptr);
    // Ctrl-C in the terminal reaches the program by itself; this process outlives it.
    std::signal(SIGINT, SIG_IGN);
    std::signal(SIGQUIT, SIG_IGN);
    const pid_t child = ::fork();
    if (child < 0) {
        return fail(Refusal{Code::io_failed,
                            fmt::format("{} cannot be started: {}", command.front(), std::strerror(errno)),
                            {},
                            {}});
    }
    if (child == 0) {
        become(arguments.data(), complaint, umask);
    }
    g_child = child;
    std::signal(SIGTERM, pass_on);
    std::signal(SIGHUP, pass_on);
    int status = 0;
    while (::waitpid(child, &status, 0) < 0) {
        if (errno != EINTR) {
            return 1;
        }
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace postern::client

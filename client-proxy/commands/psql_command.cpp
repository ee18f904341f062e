#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <utility>

#include <fmt/format.h>

#include "client-proxy/agent/agent.hpp"
#include "client-proxy/commands/commands.hpp"
#include "client-proxy/commands/terminal.hpp"
#include "client-proxy/login/login_choice.hpp"
#include "pki/identity.hpp"

namespace postern::client {

namespace {

// What psql must not take from elsewhere: where to connect, and TLS, which ends in this process.
void set_environment(unsigned short port, const std::string& user, bool may_name_another) {
    for (const char* variable :
         {"PGSERVICE", "PGSERVICEFILE", "PGREQUIRESSL", "PGREQUIREPEER", "PGREQUIREAUTH", "PGSSLNEGOTIATION",
          "PGCHANNELBINDING", "PGTARGETSESSIONATTRS"}) {
        ::unsetenv(variable);
    }
    ::setenv("PGHOST", "localhost", 1);
    ::setenv("PGHOSTADDR", "127.0.0.1", 1);
    ::setenv("PGPORT", std::to_string(port).c_str(), 1);
    ::setenv("PGSSLMODE", "disable", 1);
    ::setenv("PGGSSENCMODE", "disable", 1);
    if (!user.empty() && (!may_name_another || std::getenv("PGUSER") == nullptr)) {
        ::setenv("PGUSER", user.c_str(), 1);
    }
}

// Between fork and exec only what is safe in the child of a process with threads.
[[noreturn]] void become(char* const* arguments, mode_t umask) {
    ::umask(umask);
    for (const int signal : {SIGPIPE, SIGINT, SIGQUIT, SIGTERM}) {
        ::signal(signal, SIG_DFL);
    }
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    ::execvp(arguments[0], arguments);
    const char text[] =
        "postern: error: psql cannot be started\nhint: Install it: apt install postgresql-client\n";
    [[maybe_unused]] const ssize_t ignored = ::write(STDERR_FILENO, text, sizeof text - 1);
    ::_exit(127);
}

pid_t g_child = 0;

// A signal that is meant for this process alone is psql's to judge.
void pass_on(int signal) {
    if (g_child > 0) {
        ::kill(g_child, signal);
    }
}

int wait_for(pid_t child) {
    int status = 0;
    while (::waitpid(child, &status, 0) < 0) {
        if (errno != EINTR) {
            return 1;
        }
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace

int run_psql(const PsqlOptions& options) {
    if (!pki::is_resource_name(options.service)) {
        return fail_usage(fmt::format("'{}' is no service's name", options.service),
                          "See what there is: postern services");
    }
    const auto path = ProfileFolder::default_path();
    const auto folder = path ? ProfileFolder::open(*path) : Result<ProfileFolder>(path.error());
    if (!folder) {
        return fail(local_refusal(folder.error()));
    }
    Notes notes(Notes::Style::silent, false);
    Agent agent(notes, AgentOptions());
    RenewedLogin::Hooks hooks;
    hooks.on_change = [&agent](LoginPtr login) {
        if (login) {
            agent.show(std::move(login));
        }
    };
    auto logins = open_login(options.login, *folder, std::move(hooks));
    if (!logins) {
        return fail(logins.error());
    }
    agent.set_logins(**logins);

    // Ctrl-C in the terminal reaches psql by itself; this process outlives it to carry the cancel request.
    std::signal(SIGINT, SIG_IGN);
    std::signal(SIGQUIT, SIG_IGN);
    agent.start();
    const auto port = agent.listen(options.service, Mode::end_to_end, true, 0);
    if (!port) {
        return fail(local_refusal(port.error()));
    }
    const LoginPtr login = (*logins)->latest();
    set_environment(*port, login->user(), login->catalogue().service(options.service).user_map);

    std::vector<std::string> words{"psql"};
    words.insert(words.end(), options.arguments.begin(), options.arguments.end());
    std::vector<char*> arguments;
    for (auto& word : words) {
        arguments.push_back(word.data());
    }
    arguments.push_back(nullptr);
    const pid_t child = ::fork();
    if (child < 0) {
        return fail(Refusal{
            Code::io_failed, fmt::format("psql cannot be started: {}", std::strerror(errno)), {}, {}});
    }
    if (child == 0) {
        become(arguments.data(), options.umask);
    }
    g_child = child;
    std::signal(SIGTERM, pass_on);
    std::signal(SIGHUP, pass_on);
    const int code = wait_for(child);
    agent.stop();
    if ((*logins)->is_busy()) {
        std::_Exit(code);
    }
    return code;
}

}  // namespace postern::client

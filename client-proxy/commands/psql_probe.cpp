#include "client-proxy/commands/psql_probe.hpp"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <vector>

#include <fmt/format.h>

#include "base/unique_fd.hpp"
#include "client-proxy/session/probe.hpp"

namespace postern::client {

namespace {

constexpr auto kQueryTimeout = std::chrono::seconds(20);
constexpr std::size_t kMostComplaint = 8192;

/// The environment for psql: this process's, without the variables that would change where psql connects, and
/// with those that say where.
std::vector<std::string> psql_environment(unsigned short port, const std::string& user,
                                          const std::string& database) {
    std::vector<std::string> environment;
    for (char** entry = environ; *entry != nullptr; ++entry) {
        const std::string_view variable(*entry);
        const bool is_libpq = variable.starts_with("PG") && !variable.starts_with("PGPASS");
        if (!is_libpq && !variable.starts_with("LC_") && !variable.starts_with("LANG")) {
            environment.emplace_back(variable);
        }
    }
    for (const auto& [key, value] : {std::pair<const char*, std::string>{"PGHOST", "localhost"},
                                     {"PGHOSTADDR", "127.0.0.1"},
                                     {"PGPORT", std::to_string(port)},
                                     {"PGUSER", user},
                                     {"PGDATABASE", database},
                                     {"PGSSLMODE", "disable"},
                                     {"PGGSSENCMODE", "disable"},
                                     {"PGCONNECT_TIMEOUT", "15"},
                                     {"PGAPPNAME", kDoctorName},
                                     {"LC_ALL", "C.UTF-8"}}) {
        environment.push_back(fmt::format("{}={}", key, value));
    }
    return environment;
}

std::vector<char*> pointers_to(std::vector<std::string>& words) {
    std::vector<char*> pointers;
    for (auto& word : words) {
        pointers.push_back(word.data());
    }
    pointers.push_back(nullptr);
    return pointers;
}

/// psql's standard error, until it is closed or kQueryTimeout has passed.
std::string read_complaint(int fd) {
    const auto end = std::chrono::steady_clock::now() + kQueryTimeout;
    std::string text;
    std::array<char, 1024> block{};
    for (;;) {
        const auto left =
            std::chrono::duration_cast<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
        pollfd waiting{fd, POLLIN, 0};
        if (left.count() <= 0 || ::poll(&waiting, 1, static_cast<int>(left.count())) <= 0) {
            return text;
        }
        const ssize_t got = ::read(fd, block.data(), block.size());
        if (got <= 0) {
            return text;
        }
        const std::size_t room = kMostComplaint - text.size();
        text.append(block.data(), std::min(room, static_cast<std::size_t>(got)));
    }
}

}  // namespace

PsqlAnswer psql_complaint(std::string_view text) {
    if (text.find("no password supplied") != text.npos) {
        return {PsqlAnswer::Kind::no_password, {}};
    }
    for (const std::string_view severity : {"FATAL:  ", "ERROR:  "}) {
        if (const auto at = text.find(severity); at != text.npos) {
            const auto words = text.substr(at + severity.size());
            return {PsqlAnswer::Kind::refused, std::string(words.substr(0, words.find('\n')))};
        }
    }
    return {PsqlAnswer::Kind::refused, std::string(text.substr(0, text.find('\n')))};
}

PsqlAnswer ask_psql(unsigned short port, const std::string& user, const std::string& database) {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
        return {PsqlAnswer::Kind::refused, std::strerror(errno)};
    }
    const UniqueFd reading(ends[0]);
    UniqueFd writing(ends[1]);
    std::vector<std::string> command{"psql", "-X", "-w", "-At", "-c", "select 1"};
    std::vector<std::string> environment = psql_environment(port, user, database);
    const auto arguments = pointers_to(command);
    const auto variables = pointers_to(environment);
    posix_spawn_file_actions_t actions{};
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    ::posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    ::posix_spawn_file_actions_adddup2(&actions, writing.get(), STDERR_FILENO);
    pid_t child = 0;
    const int failed = ::posix_spawnp(&child, "psql", &actions, nullptr, arguments.data(), variables.data());
    ::posix_spawn_file_actions_destroy(&actions);
    if (failed != 0) {
        return {PsqlAnswer::Kind::no_psql, {}};
    }
    writing = UniqueFd();
    const std::string complaint = read_complaint(reading.get());
    // A psql that still runs has exceeded the time.
    ::kill(child, SIGKILL);
    int status = 0;
    while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
        return {PsqlAnswer::Kind::answered, {}};
    }
    return WIFSIGNALED(status) ? PsqlAnswer{PsqlAnswer::Kind::refused, "the query was not answered in time"}
                               : psql_complaint(complaint);
}

}  // namespace postern::client

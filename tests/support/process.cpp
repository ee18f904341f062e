#include "support/process.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <grp.h>
#include <netinet/in.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <thread>
#include <utility>

#include <fmt/format.h>

#include "support/loopback_address.hpp"

namespace postern::test {

namespace {

namespace fs = std::filesystem;

fs::path new_folder(const char* pattern) {
    std::string name = (fs::temp_directory_path() / pattern).string();
    if (::mkdtemp(name.data()) == nullptr) {
        throw std::runtime_error("cannot make a temporary folder");
    }
    return name;
}

/// Returns whether each thread of the process has stopped. In /proc/PID/stat the state stands behind the
/// name, which is in parentheses and may hold any character (proc(5)).
bool each_thread_stands_still(pid_t process) {
    const fs::directory_iterator threads(fmt::format("/proc/{}/task", process));
    return std::all_of(begin(threads), end(threads), [](const fs::directory_entry& thread) {
        const std::string line = content_of(thread.path() / "stat");
        const auto name_end = line.rfind(')');
        return name_end != std::string::npos && line.substr(name_end + 1, 2) == " T";
    });
}

int exit_code_of(int status) {
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/// Returns the variables that are not for the programs that tests start: what the shell that runs the tests
/// says of proxies and of other databases. To be called before fork(), because the child of a process with
/// threads must not allocate.
std::vector<std::string> words_of_the_shell() {
    std::vector<std::string> names{"http_proxy", "https_proxy", "all_proxy", "no_proxy",
                                   "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"};
    for (char** entry = environ; *entry != nullptr; ++entry) {
        const std::string_view name(*entry, std::strcspn(*entry, "="));
        if (name.starts_with("PG")) {
            names.emplace_back(name);
        }
    }
    return names;
}

[[noreturn]] void become(const std::vector<char*>& arguments, const ProcessOptions& options,
                         const std::array<std::string, 3>& files, const std::vector<std::string>& forgotten) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    const int in = ::open(files[0].c_str(), O_RDONLY);
    const int out = ::open(files[1].c_str(), O_WRONLY | O_APPEND);
    const int err = ::open(files[2].c_str(), O_WRONLY | O_APPEND);
    ::dup2(in, 0);
    ::dup2(out, 1);
    ::dup2(err, 2);
    ::close_range(3, ~0U, 0);
    // A test may ignore these signals, and so may a shell that runs the tests in the background. The child
    // would inherit that.
    for (const int number : {SIGPIPE, SIGINT, SIGQUIT, SIGHUP}) {
        std::signal(number, SIG_DFL);
    }
    if (!options.user.empty() && ::geteuid() == 0) {
        const passwd* user = ::getpwnam(options.user.c_str());
        if (user == nullptr || ::initgroups(options.user.c_str(), user->pw_gid) != 0 ||
            ::setgid(user->pw_gid) != 0 || ::setuid(user->pw_uid) != 0) {
            ::dprintf(2, "cannot become %s\n", options.user.c_str());
            ::_exit(126);
        }
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // setuid cleared it
    }
    if (!options.folder.empty() && ::chdir(options.folder.c_str()) != 0) {
        ::_exit(126);
    }
    for (const std::string& name : forgotten) {
        ::unsetenv(name.c_str());
    }
    for (const auto& [name, value] : options.environment) {
        value.empty() ? ::unsetenv(name.c_str()) : ::setenv(name.c_str(), value.c_str(), 1);
    }
    ::execvp(arguments[0], arguments.data());
    ::dprintf(2, "cannot run %s: %s\n", arguments[0], std::strerror(errno));
    ::_exit(127);
}

}  // namespace

std::string content_of(const fs::path& file) {
    std::ifstream in(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

Process::Process(std::vector<std::string> command, ProcessOptions options)
    : folder_(new_folder("postern-process-XXXXXX")), name_(fs::path(command.at(0)).filename()) {
    std::ofstream(folder_ / "in", std::ios::binary) << options.input;
    std::ofstream(folder_ / "out").flush();
    std::ofstream(folder_ / "err").flush();
    const std::vector<std::string> forgotten = words_of_the_shell();
    std::vector<char*> arguments;
    for (std::string& argument : command) {
        arguments.push_back(argument.data());
    }
    arguments.push_back(nullptr);
    const std::array<std::string, 3> files{folder_ / "in", folder_ / "out", folder_ / "err"};
    pid_ = ::fork();
    if (pid_ < 0) {
        throw std::runtime_error("cannot fork");
    }
    if (pid_ == 0) {
        become(arguments, options, files, forgotten);
    }
}

Process::Process(Process&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)),
      exit_code_(other.exit_code_),
      folder_(std::exchange(other.folder_, {})),
      name_(std::move(other.name_)) {}

Process& Process::operator=(Process&& other) noexcept {
    std::swap(pid_, other.pid_);
    std::swap(exit_code_, other.exit_code_);
    std::swap(folder_, other.folder_);
    std::swap(name_, other.name_);
    return *this;
}

Process::~Process() {
    if (pid_ > 0 && !exit_code_) {
        ::kill(pid_, SIGKILL);
        int status = 0;
        ::waitpid(pid_, &status, 0);
    }
    if (!folder_.empty()) {
        std::error_code ignored;
        fs::remove_all(folder_, ignored);
    }
}

void Process::signal(int number) const {
    if (pid_ > 0 && !exit_code_) {
        ::kill(pid_, number);
    }
}

std::optional<int> Process::wait(std::chrono::milliseconds timeout) {
    eventually([this] { return !is_running(); }, timeout);
    return exit_code_;
}

bool Process::is_running() {
    if (exit_code_) {
        return false;
    }
    int status = 0;
    if (::waitpid(pid_, &status, WNOHANG) == pid_) {
        exit_code_ = exit_code_of(status);
        return false;
    }
    return true;
}

std::string Process::out() const {
    return content_of(folder_ / "out");
}

std::string Process::err() const {
    return content_of(folder_ / "err");
}

int Process::stop(std::chrono::milliseconds timeout) {
    signal(SIGTERM);
    if (!wait(timeout)) {
        signal(SIGKILL);
        wait(std::chrono::seconds(10));
    }
    return exit_code_.value_or(-1);
}

void Process::wait_for_out(std::string_view text, std::chrono::milliseconds timeout) {
    wait_for(folder_ / "out", text, timeout);
}

void Process::wait_for_err(std::string_view text, std::chrono::milliseconds timeout) {
    wait_for(folder_ / "err", text, timeout);
}

void Process::wait_for(const fs::path& file, std::string_view text, std::chrono::milliseconds timeout) {
    const auto has_text = [&] { return content_of(file).find(text) != std::string::npos; };
    eventually([&] { return has_text() || !is_running(); }, timeout);
    if (!has_text()) {
        throw std::runtime_error(fmt::format("{} {} before it wrote '{}'\nstdout: {}\nstderr: {}", name_,
                                             is_running() ? "waited" : "ended", text, out(), err()));
    }
}

ProcessResult run(std::vector<std::string> command, ProcessOptions options,
                  std::chrono::milliseconds timeout) {
    Process process(std::move(command), std::move(options));
    ProcessResult outcome;
    auto code = process.wait(timeout);
    if (!code) {
        outcome.has_timed_out = true;
        code = process.stop(std::chrono::seconds(1));
    }
    outcome.exit_code = *code;
    outcome.out = process.out();
    outcome.err = process.err();
    return outcome;
}

TemporaryFolder::TemporaryFolder() : path_(new_folder("postern-test-XXXXXX")) {
    fs::permissions(path_, fs::perms(0755));
}

TemporaryFolder::~TemporaryFolder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
}

/// Reserves a port for this process as long as it lives, so that no other test program picks a port that this
/// one has picked and does not listen on yet. An abstract name (unix(7)) leaves nothing behind.
static bool is_reserved(int port) {
    const int fd = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        throw std::runtime_error(std::string("cannot reserve a port: ") + std::strerror(errno));
    }
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::string name = fmt::format("postern-test-port-{}", port);
    name.copy(address.sun_path + 1, sizeof address.sun_path - 1);
    const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
    if (::bind(fd, reinterpret_cast<const sockaddr*>(&address), size) != 0) {
        ::close(fd);
        return false;
    }
    return true;
}

int free_port() {
    // Parallel test programs start at different places.
    static std::atomic<int> next = 20000 + (::getpid() * 37) % 12000;
    while (true) {
        const int port = 20000 + (next++ - 20000) % 12000;
        const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        const sockaddr_in address = loopback(port);
        const bool is_free = ::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
        ::close(fd);
        if (is_free && is_reserved(port)) {
            return port;
        }
    }
}

Pause::Pause(pid_t process) : process_(process) {
    if (::kill(process_, SIGSTOP) != 0 || !eventually([&] { return each_thread_stands_still(process_); })) {
        ::kill(process_, SIGCONT);
        throw std::runtime_error(fmt::format("process {} does not stand still", process_));
    }
}

Pause::~Pause() {
    ::kill(process_, SIGCONT);
}

void sleep_briefly() {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
}

}  // namespace postern::test

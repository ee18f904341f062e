// Real child processes for the integration tests: started with a clean slate, watched, and never left behind.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace postern::test {

/// All of the file; nothing when it cannot be read.
std::string content_of(const std::filesystem::path& file);

struct ProcessOptions {
    /// Added to, or replacing, this process's environment, of which proxies and what libpq reads are left
    /// out. An empty value unsets.
    std::map<std::string, std::string> environment;
    std::filesystem::path folder;
    /// Fed to standard input, which is then closed.
    std::string input;
    /// Runs as this user when the tests run as root ("postgres" for a PostgreSQL server).
    std::string user;
};

struct ProcessResult {
    /// The exit code, or 128 + signal.
    int exit_code = -1;
    std::string out;
    std::string err;
    bool has_timed_out = false;
};

/// A process in the background. Its output goes to two temporary files. The destructor kills it (SIGKILL) and
/// reaps it; it also dies with the test (PR_SET_PDEATHSIG).
class Process {
public:
    Process(std::vector<std::string> command, ProcessOptions options = {});
    Process(Process&& other) noexcept;
    Process& operator=(Process&& other) noexcept;
    ~Process();

    pid_t pid() const noexcept { return pid_; }
    void signal(int number) const;
    /// Nothing if it still runs after `timeout`.
    std::optional<int> wait(std::chrono::milliseconds timeout);
    bool is_running();
    /// What it has written so far.
    std::string out() const;
    std::string err() const;
    /// SIGTERM, then SIGKILL after the timeout; the exit code.
    int stop(std::chrono::milliseconds timeout = std::chrono::seconds(15));
    /// Waits until its standard output (or error) holds the text; throws with all of its output when it does
    /// not.
    void wait_for_out(std::string_view text, std::chrono::milliseconds timeout = std::chrono::seconds(60));
    void wait_for_err(std::string_view text, std::chrono::milliseconds timeout = std::chrono::seconds(60));

private:
    void wait_for(const std::filesystem::path& file, std::string_view text,
                  std::chrono::milliseconds timeout);

    pid_t pid_ = -1;
    std::optional<int> exit_code_;
    std::filesystem::path folder_;
    std::string name_;
};

/// Runs to the end, or kills it at the timeout.
ProcessResult run(std::vector<std::string> command, ProcessOptions options = {},
                  std::chrono::milliseconds timeout = std::chrono::seconds(60));

/// Polls `claim` every 20 ms until it holds; false at the end of the timeout.
template <class Claim>
bool eventually(Claim claim, std::chrono::milliseconds timeout = std::chrono::seconds(30));

/// A process that stands still from here to the end of the scope. kill(2) returns before each thread has
/// heard of it, so the constructor waits until they stand still; it throws when they do not.
class Pause {
public:
    explicit Pause(pid_t process);
    ~Pause();
    Pause(const Pause&) = delete;
    Pause& operator=(const Pause&) = delete;

private:
    pid_t process_;
};

/// A folder under the system's temporary one, removed at the end; others may enter it (PostgreSQL runs as
/// another user).
class TemporaryFolder {
public:
    TemporaryFolder();
    ~TemporaryFolder();
    TemporaryFolder(const TemporaryFolder&) = delete;
    TemporaryFolder& operator=(const TemporaryFolder&) = delete;
    const std::filesystem::path& path() const noexcept { return path_; }

private:
    std::filesystem::path path_;
};

/// A TCP port on the loopback that nobody listens on right now, from below the range of ephemeral ports.
int free_port();

void sleep_briefly();

template <class Claim>
bool eventually(Claim claim, std::chrono::milliseconds timeout) {
    const auto end = std::chrono::steady_clock::now() + timeout;
    while (!claim()) {
        if (std::chrono::steady_clock::now() >= end) {
            return false;
        }
        sleep_briefly();
    }
    return true;
}

}  // namespace postern::test

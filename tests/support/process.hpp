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

/// Returns all of the file; empty when it cannot be read.
std::string content_of(const std::filesystem::path& file);

struct ProcessOptions {
    /// Variables that are added to this process's environment, or replace those there. The environment's
    /// proxies and what libpq reads are left out. An empty value unsets a variable.
    std::map<std::string, std::string> environment;
    std::filesystem::path folder;
    /// The text on standard input, which is closed after it.
    std::string input;
    /// The user to run as when the tests run as root ("postgres" for a PostgreSQL server).
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
    /// Returns the exit code; nothing if the process still runs after `timeout`.
    std::optional<int> wait(std::chrono::milliseconds timeout);
    bool is_running();
    /// What the process has written so far.
    std::string out() const;
    std::string err() const;
    /// Sends SIGTERM, and SIGKILL after the timeout. Returns the exit code.
    int stop(std::chrono::milliseconds timeout = std::chrono::seconds(15));
    /// Waits until standard output (or error) holds the text. Throws with all of the output when it does not.
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

/// Runs a command to its end, or kills it at the timeout.
ProcessResult run(std::vector<std::string> command, ProcessOptions options = {},
                  std::chrono::milliseconds timeout = std::chrono::seconds(60));

/// Polls `claim` every 20 ms until it holds; false at the end of the timeout.
template <class Claim>
bool eventually(Claim claim, std::chrono::milliseconds timeout = std::chrono::seconds(30));

/// Stops a process (SIGSTOP) from here to the end of the scope. kill(2) returns before each thread has
/// stopped, so the constructor waits until all have; it throws when they do not.
class Pause {
public:
    explicit Pause(pid_t process);
    ~Pause();
    Pause(const Pause&) = delete;
    Pause& operator=(const Pause&) = delete;

private:
    pid_t process_;
};

/// A folder under the system's temporary one, removed at the end. Others may enter it, because PostgreSQL
/// runs as another user.
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

/// Returns a TCP port on the loopback that nobody listens on right now, from below the range of ephemeral
/// ports. No other test program is given it while this one runs.
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

#include "client-proxy/control/agent_client.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <thread>
#include <utility>

#include <fmt/format.h>

#include "base/pace.hpp"
#include "client-proxy/config/preferences.hpp"

namespace postern::client::control {

namespace {

using Moment = std::chrono::steady_clock::time_point;

constexpr auto kStartTimeouts = std::chrono::seconds(10);
/// The pauses between attempts to start an agent that does not come up.
constexpr Pace::Bounds kStartPace{std::chrono::milliseconds(200), std::chrono::seconds(2)};
constexpr off_t kMostLogBytes = 1 << 20;

int milliseconds_until(Moment end) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
    return static_cast<int>(std::max<std::chrono::milliseconds::rep>(0, left.count()));
}

/// Passwords are sent to the process that listens there, so it must belong to this user. The kernel records
/// who called listen(2) (unix(7), SO_PEERCRED).
Result<void> check_peer(int fd, const std::string& path) {
    ucred peer{};
    socklen_t size = sizeof peer;
    if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) {
        return Failure{Code::io_failed, fmt::format("it cannot be told who answers at {}", path)};
    }
    if (peer.uid != ::geteuid()) {
        return Failure{
            Code::policy_denied,
            fmt::format("a process of another user (uid {}) answers at {} in the agent's place; nothing "
                        "was sent to it",
                        peer.uid, path)};
    }
    return {};
}

/// Translates a failure of connect_to().
Refusal connect_refusal(const Failure& failure) {
    if (failure.code == Code::policy_denied) {
        return {failure.code,
                failure.detail,
                "End that process or remove the socket; then tell the administrator.",
                {}};
    }
    return failure.code == Code::not_found ? local_refusal(failure) : folder_refusal(failure);
}

Result<UniqueFd> connect_to(const RuntimeFolder& folder) {
    const std::string path = folder.socket().string();
    sockaddr_un name{};
    name.sun_family = AF_UNIX;
    UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (!fd || path.size() >= sizeof name.sun_path) {
        return Failure{Code::config_invalid, fmt::format("{} is too long for a socket", path)};
    }
    std::memcpy(name.sun_path, path.data(), path.size());
    if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&name), sizeof name) != 0) {
        return Failure{Code::not_found, "no agent runs"};
    }
    if (auto checked = check_peer(fd.get(), path); !checked) {
        return checked.error();
    }
    return fd;
}

/// Runs in the forked child. It leaves the terminal's session, and forks again so that the agent is not a
/// session leader.
[[noreturn]] void become_agent(const RuntimeFolder& folder, int ready) {
    ::setsid();
    if (::fork() != 0) {
        ::_exit(0);
    }
    const std::string log = (folder.path() / "agent.log").string();
    struct stat info {};
    const bool is_long = ::stat(log.c_str(), &info) == 0 && info.st_size > kMostLogBytes;
    const int output = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | (is_long ? O_TRUNC : 0), 0600);
    const int nothing = ::open("/dev/null", O_RDWR);
    ::dup2(nothing, STDIN_FILENO);
    ::dup2(output >= 0 ? output : nothing, STDOUT_FILENO);
    ::dup2(output >= 0 ? output : nothing, STDERR_FILENO);
    // The agent outlives the program that started this command, which may wait for the end of file on the
    // descriptors that it passed.
    ::close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
    // The command line names this descriptor, so it stays open across exec.
    ::fcntl(ready, F_SETFD, 0);
    ::umask(077);
    [[maybe_unused]] const int ignored = ::chdir("/");
    for (const int signal : {SIGINT, SIGQUIT, SIGTERM, SIGHUP, SIGPIPE}) {
        ::signal(signal, SIG_DFL);
    }
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    const std::string ready_text = std::to_string(ready);
    ::execl("/proc/self/exe", "postern", "agent", "--on-demand", "--ready-fd", ready_text.c_str(),
            static_cast<char*>(nullptr));
    ::_exit(127);
}

/// Starts an agent and waits until it reports that it serves, reports why it cannot, or ends. That another
/// agent runs already is not an error: another command was quicker.
std::optional<Refusal> start_agent(const RuntimeFolder& folder, Moment end) {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
        return std::nullopt;
    }
    UniqueFd reading(ends[0]);
    UniqueFd writing(ends[1]);
    const pid_t child = ::fork();
    if (child == 0) {
        become_agent(folder, writing.get());
    }
    writing = UniqueFd();
    if (child > 0) {
        ::waitpid(child, nullptr, 0);
        pollfd waiting{reading.get(), POLLIN, 0};
        std::array<char, 4096> block{};
        if (::poll(&waiting, 1, milliseconds_until(end)) > 0) {
            const ssize_t got = ::read(reading.get(), block.data(), block.size());
            return got > 0 ? told_at_start({block.data(), static_cast<std::size_t>(got)}) : std::nullopt;
        }
    }
    return std::nullopt;
}

/// Why the agent has ended, as far as this process can find out.
Refusal why_gone() {
    if (const auto preferences = Preferences::load(); !preferences) {
        return settings_refusal(preferences.error());
    }
    return {Code::unavailable, "the agent has ended", "Try again: the next command starts it anew.", {}};
}

}  // namespace

std::string start_report(const std::optional<Refusal>& refusal) {
    return refusal ? error_line(0U, error_of(*refusal)) : result_line(0U, true);
}

std::optional<Refusal> told_at_start(std::string_view report) {
    const auto message = read_message(report.substr(0, report.find('\n')));
    const auto* const answer = std::get_if<Answer>(&message);
    const auto* const error = answer != nullptr ? std::get_if<Error>(&answer->outcome) : nullptr;
    if (error == nullptr || refusal_of(*error).code == Code::already_exists) {
        return std::nullopt;
    }
    return refusal_of(*error);
}

bool AgentClient::answers_at(const RuntimeFolder& folder) {
    return connect_to(folder).has_value();
}

Outcome<AgentClient> AgentClient::find() {
    const auto folder = RuntimeFolder::open();
    if (!folder) {
        return folder_refusal(folder.error());
    }
    auto fd = connect_to(*folder);
    if (!fd) {
        return connect_refusal(fd.error());
    }
    return AgentClient(*std::move(fd));
}

Outcome<AgentClient> AgentClient::find_or_start() {
    const auto folder = RuntimeFolder::open();
    if (!folder) {
        return folder_refusal(folder.error());
    }
    const Moment end = std::chrono::steady_clock::now() + kStartTimeouts;
    Pace pace(kStartPace);
    for (;;) {
        auto fd = connect_to(*folder);
        if (fd) {
            return AgentClient(*std::move(fd));
        }
        if (fd.error().code != Code::not_found) {
            return connect_refusal(fd.error());
        }
        if (std::chrono::steady_clock::now() >= end) {
            return Refusal{Code::unavailable,
                           "the agent does not start",
                           fmt::format("See why: postern agent, or {}/agent.log", folder->path().string()),
                           {}};
        }
        if (pace.is_due(std::chrono::steady_clock::now())) {
            if (auto refusal = start_agent(*folder, end)) {
                return *std::move(refusal);
            }
            pace.failed(std::chrono::steady_clock::now());
        }
        // Another command may have started an agent that does not serve yet.
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
}

bool AgentClient::read_more(std::chrono::milliseconds timeout) {
    // poll(2) ignores a negative descriptor.
    std::array<pollfd, 2> waiting{pollfd{fd_.get(), POLLIN, 0}, pollfd{interruption_, POLLIN, 0}};
    const int ready = ::poll(waiting.data(), waiting.size(), static_cast<int>(timeout.count()));
    is_interrupted_ = ready > 0 && waiting[1].revents != 0;
    if (ready <= 0 || waiting[0].revents == 0) {
        return false;
    }
    std::array<char, 16384> block{};
    const ssize_t got = ::recv(fd_.get(), block.data(), block.size(), MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
        return true;
    }
    if (got <= 0 || !lines_.feed({block.data(), static_cast<std::size_t>(got)})) {
        is_closed_ = true;
        return false;
    }
    return true;
}

Outcome<nlohmann::json> AgentClient::call(std::string_view method, const nlohmann::json& params,
                                          std::chrono::milliseconds timeout) {
    pollfd interruption{interruption_, POLLIN, 0};
    if (interruption_ >= 0 && ::poll(&interruption, 1, 0) > 0) {
        return Refusal{Code::cancelled, "interrupted", {}, {}};
    }
    const std::uint64_t id = ++last_id_;
    std::string line = request_line(id, method, params);
    for (std::string_view left = line; !left.empty();) {
        const ssize_t sent = ::send(fd_.get(), left.data(), left.size(), MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) {
            continue;
        }
        if (sent <= 0) {
            // The agent may have sent the reason before it closed the connection.
            break;
        }
        left.remove_prefix(static_cast<std::size_t>(sent));
    }
    // The request may contain a password.
    explicit_bzero(line.data(), line.size());
    const Moment end = std::chrono::steady_clock::now() + timeout;
    for (;;) {
        while (auto received = lines_.next()) {
            auto message = read_message(*received);
            if (auto* notification = std::get_if<Notification>(&message)) {
                notifications_.push_back(std::move(*notification));
            } else if (auto* answer = std::get_if<Answer>(&message);
                       answer != nullptr && (answer->id == id || answer->id == 0)) {
                if (const auto* error = std::get_if<Error>(&answer->outcome)) {
                    return refusal_of(*error);
                }
                // nlohmann::json converts to nearly every type, so the alternative is named.
                return Outcome<nlohmann::json>(boost::system::in_place_value,
                                               std::get<nlohmann::json>(std::move(answer->outcome)));
            }
        }
        if (!read_more(std::chrono::milliseconds(milliseconds_until(end)))) {
            if (is_closed_) {
                return why_gone();
            }
            if (is_interrupted_) {
                return Refusal{Code::cancelled, "interrupted", {}, {}};
            }
            if (std::chrono::steady_clock::now() >= end) {
                return Refusal{Code::timed_out, "the agent does not answer", "Look into its log.", {}};
            }
        }
    }
}

/// Stores the notifications. Answers are dropped, because no call() waits for one.
void AgentClient::take_in() {
    while (auto received = lines_.next()) {
        auto message = read_message(*received);
        if (auto* notification = std::get_if<Notification>(&message)) {
            notifications_.push_back(std::move(*notification));
        }
    }
}

bool AgentClient::wait_for_input(int fd) {
    for (;;) {
        std::array<pollfd, 3> waiting{pollfd{fd, POLLIN, 0}, pollfd{fd_.get(), POLLIN, 0},
                                      pollfd{interruption_, POLLIN, 0}};
        if (::poll(waiting.data(), waiting.size(), -1) < 0 && errno != EINTR) {
            return false;
        }
        if (waiting[2].revents != 0) {
            return false;
        }
        if (waiting[0].revents != 0) {
            return true;
        }
        if (waiting[1].revents != 0) {
            read_more(std::chrono::milliseconds(0));
            take_in();
            if (is_closed_) {
                return false;
            }
        }
    }
}

void AgentClient::wait_until_closed() {
    const Moment end = std::chrono::steady_clock::now() + kStartTimeouts;
    while (!is_closed_ && std::chrono::steady_clock::now() < end) {
        read_more(std::chrono::milliseconds(milliseconds_until(end)));
        while (lines_.next()) {
        }
    }
}

std::optional<Notification> AgentClient::take() {
    for (;;) {
        take_in();
        if (!notifications_.empty()) {
            Notification first = std::move(notifications_.front());
            notifications_.pop_front();
            return first;
        }
        if (is_closed_ || !read_more(std::chrono::milliseconds(0))) {
            return std::nullopt;
        }
    }
}

}  // namespace postern::client::control

#include <poll.h>
#include <pthread.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <charconv>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <utility>

#include <fmt/format.h>
#include <systemd/sd-daemon.h>

#include "base/json.hpp"
#include "base/pace.hpp"
#include "base/process.hpp"
#include "base/reason.hpp"
#include "base/unique_fd.hpp"
#include "client-proxy/commands/agent_session.hpp"
#include "client-proxy/commands/foreground.hpp"
#include "client-proxy/platform/lingering.hpp"
#include "client-proxy/commands/terminal.hpp"
#include "client-proxy/tunnel/service_list.hpp"
#include "pki/identity.hpp"

namespace postern::client {

namespace {

using nlohmann::json;

/// The exit code that shells use for a program that Ctrl-C ended.
constexpr int kInterrupted = 130;
/// How many agents in a row may end before the ports are open. The first may be one that was about to end.
constexpr int kMostLost = 3;
/// The pauses between attempts to log in, with --wait.
constexpr Pace::Bounds kWaitPace{std::chrono::seconds(2), std::chrono::seconds(15)};

Outcome<WantedPort> parse_wanted(const std::string& text, const char* mode) {
    const auto colon = text.find(':');
    WantedPort wanted{text.substr(0, colon), mode, std::nullopt};
    if (!pki::is_resource_name(wanted.service)) {
        return Refusal{Code::config_invalid,
                       fmt::format("'{}' is no service's name", wanted.service),
                       "See what there is: postern services",
                       {}};
    }
    if (colon != text.npos) {
        unsigned short port = 0;
        const char* const end = text.data() + text.size();
        const auto read = std::from_chars(text.data() + colon + 1, end, port);
        if (read.ec != std::errc() || read.ptr != end) {
            return Refusal{Code::config_invalid,
                           fmt::format("'{}' has no good port", text),
                           "A port is a number up to 65535: orders-db:5432",
                           {}};
        }
        wanted.port = port;
    }
    return wanted;
}

Outcome<std::vector<WantedPort>> parse_all_wanted(const ConnectOptions& options) {
    std::vector<WantedPort> all;
    for (const auto& [texts, mode] :
         {std::pair{&options.services, ""}, std::pair{&options.passthrough, "passthrough"}}) {
        for (const auto& text : *texts) {
            const bool is_number = text.find_first_not_of("0123456789") == text.npos;
            if (is_number && !all.empty() && !all.back().port) {
                return Refusal{Code::config_invalid,
                               fmt::format("'{}' is no service's name", text),
                               fmt::format("If it is the local port of {0}: {0}:{1}", all.back().service, text),
                               {}};
            }
            auto wanted = parse_wanted(text, mode);
            if (!wanted) {
                return wanted.error();
            }
            all.push_back(*std::move(wanted));
        }
    }
    return all;
}

/// Blocks the signals that stop the command. It is created first, so that none is lost before it is waited
/// for.
class StopSignals {
public:
    StopSignals() {
        sigset_t signals;
        ::sigemptyset(&signals);
        for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
            // A blocked signal stays pending even when it is ignored, as nohup and a shell's background jobs
            // set it.
            if (!is_ignored(signal)) {
                ::sigaddset(&signals, signal);
            }
        }
        ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);
        fd_ = UniqueFd(::signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK));
    }
    int fd() const noexcept { return fd_.get(); }
    /// Whether a signal arrived within that time.
    bool wait(std::chrono::milliseconds timeout) const {
        pollfd waiting{fd_.get(), POLLIN, 0};
        return ::poll(&waiting, 1, static_cast<int>(timeout.count())) > 0;
    }

private:
    UniqueFd fd_;
};

/// Ends the agent, which first tells the clients of its tunnels.
void end_agent(control::AgentClient& agent) {
    agent.interrupt_when_readable(-1);
    if (agent.call("shutdown")) {
        agent.wait_until_closed();
    }
}

}  // namespace

int connect(const ConnectOptions& options) {
    const auto wanted = parse_all_wanted(options);
    if (!wanted) {
        return fail_usage(wanted.error().message, wanted.error().hint);
    }
    if (wanted->empty()) {
        return fail_usage("connect to which service?", "See what there is: postern services");
    }
    // The JSON of the control protocol would change such a name.
    if (!options.database.empty() && !is_database_name(options.database)) {
        return fail(bad_database_name(options.database));
    }
    // As the first process of a container it inherits orphaned processes, and ignoring SIGCHLD lets the
    // kernel reap them.
    const bool is_first_process = ::getpid() == 1;
    if (is_first_process) {
        std::signal(SIGCHLD, SIG_IGN);
    }
    // This comes before any wait: the first process of a container receives only the signals that it handles
    // or blocks.
    const StopSignals signals;
    auto agent = control::AgentClient::find_or_start();
    if (!agent) {
        return fail(agent.error());
    }
    agent->interrupt_when_readable(signals.fd());
    Pace pace(kWaitPace);
    while (!options.files.has_files()) {
        const auto ready = ensure_login(*agent, options.login);
        if (ready) {
            break;
        }
        if (signals.wait(std::chrono::milliseconds(0))) {
            return kInterrupted;
        }
        if (!options.is_patient || reason_of(ready.error().code).exit_code != 5) {
            return fail(ready.error());
        }
        if (signals.wait(pace.failed(std::chrono::steady_clock::now()))) {
            return kInterrupted;
        }
        if (agent->is_closed()) {
            agent = control::AgentClient::find_or_start();
            if (!agent) {
                return fail(agent.error());
            }
            agent->interrupt_when_readable(signals.fd());
        }
    }
    const bool owns_agent = options.owns_agent || is_first_process;
    const bool has_status_line = !options.as_json && !options.is_background && is_drawable(STDOUT_FILENO);
    Notes notes(options.as_json ? Notes::Style::json : Notes::Style::human, has_color(STDERR_FILENO),
                has_status_line);
    if (options.admits_other_users) {
        notes.remark(
            "warning: every user of this machine may use these ports with your login "
            "(--unsafe-any-local-user)");
    }
    Foreground foreground(options, *wanted, notes);
    int lost_in_a_row = 0;
    for (;;) {
        if (const auto opened = foreground.open(*agent); opened) {
            lost_in_a_row = 0;
            ::sd_notify(0, "READY=1");
            if (options.is_background) {
                if (!options.as_json) {
                    std::fprintf(stderr, "It stays open in the background. Close it: postern disconnect %s\n",
                                 wanted->front().service.c_str());
                    const auto runtime = control::RuntimeFolder::open();
                    const std::string note = runtime ? lingering_note(runtime->path()) : std::string();
                    if (!note.empty()) {
                        notes.remark(note);
                    }
                }
                return 0;
            }
            if (const auto code = foreground.watch(*agent, signals.fd())) {
                if (owns_agent) {
                    end_agent(*agent);
                }
                return *code;
            }
        } else if (!agent->is_closed() || ++lost_in_a_row == kMostLost) {
            return opened.error().code == Code::cancelled ? kInterrupted : fail(opened.error());
        }
        notes.remark("the agent has ended; starting it again");
        agent = control::AgentClient::find_or_start();
        if (!agent) {
            return fail(agent.error());
        }
        agent->interrupt_when_readable(signals.fd());
    }
}

int disconnect(const std::string& service, bool as_json) {
    auto agent = control::AgentClient::find();
    if (!agent && agent.error().code != Code::not_found) {
        return fail(agent.error());
    }
    if (!agent) {
        return fail(Refusal{Code::not_found, "no agent runs: no port is open", {}, {}});
    }
    const auto state = agent->call("disconnect", {{"service", service}});
    if (!state) {
        return fail(state.error());
    }
    const bool was_open = state->value("closed", 1) > 0;
    const std::string text =
        was_open ? fmt::format("{} is closed.", service) : fmt::format("No port of {} was open.", service);
    std::puts(as_json ? ascii_json_text(*state, 2).c_str() : text.c_str());
    return 0;
}

}  // namespace postern::client

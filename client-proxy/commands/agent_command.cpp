#include <pthread.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <memory>
#include <utility>

#include <spdlog/spdlog.h>
#include <systemd/sd-daemon.h>

#include "base/process.hpp"
#include "client-proxy/agent/desk.hpp"
#include "client-proxy/commands/commands.hpp"
#include "client-proxy/commands/terminal.hpp"
#include "client-proxy/control/agent_client.hpp"
#include "client-proxy/control/runtime_folder.hpp"
#include "client-proxy/login/preferences.hpp"

namespace postern::client {

namespace {

/// An agent that a command started ends after so much time without anybody.
constexpr auto kIdle = std::chrono::minutes(5);

// Blocked before the first thread starts, so that every thread inherits it and only wait() takes them.
class EndSignals {
public:
    EndSignals() {
        ::sigemptyset(&signals_);
        for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
            // A blocked signal comes even when it is ignored, as nohup has it.
            if (!is_ignored(signal)) {
                ::sigaddset(&signals_, signal);
            }
        }
        ::pthread_sigmask(SIG_BLOCK, &signals_, nullptr);
    }
    /// Whether one came within a second.
    bool wait_a_second() const {
        const timespec second{1, 0};
        return ::sigtimedwait(&signals_, nullptr, &second) > 0;
    }

private:
    sigset_t signals_{};
};

int stop_agent() {
    auto agent = control::AgentClient::find();
    if (!agent) {
        if (agent.error().code == Code::not_found) {
            std::puts("No agent runs.");
            return 0;
        }
        return fail(agent.error());
    }
    if (auto asked = agent->call("shutdown"); !asked) {
        return fail(asked.error());
    }
    agent->wait_until_closed();
    std::puts("The agent has ended.");
    return 0;
}

}  // namespace

int run_agent(const AgentCommandOptions& options) {
    if (options.stops) {
        return stop_agent();
    }
    UniqueFd ready(options.ready_fd);
    // Whoever started it has no terminal to look at the error on.
    const auto report = [&](const std::optional<Refusal>& refusal) {
        if (ready) {
            const std::string text = control::start_report(refusal);
            [[maybe_unused]] const ssize_t ignored = ::write(ready.get(), text.data(), text.size());
            ready = UniqueFd();
        }
    };
    const auto give_up = [&](const Refusal& refusal) {
        report(refusal);
        return fail(refusal);
    };
    const auto path = ProfileFolder::default_path();
    const auto folder = path ? ProfileFolder::open(*path) : Result<ProfileFolder>(path.error());
    if (!folder) {
        return give_up(folder_refusal(folder.error()));
    }
    const auto preferences = Preferences::load();
    if (!preferences) {
        return give_up(settings_refusal(preferences.error()));
    }
    const auto runtime = control::RuntimeFolder::open();
    if (!runtime) {
        return give_up(folder_refusal(runtime.error()));
    }
    auto seat = control::AgentSeat::take(*runtime);
    if (!seat) {
        return give_up({seat.error().code, seat.error().detail, "See what it does: postern status", {}});
    }
    const EndSignals signals;
    auto listener = seat->listen();
    if (!listener) {
        return give_up(local_refusal(listener.error()));
    }
    net::EventLoops control(1);
    {
        AgentOptions agent_options;
        agent_options.socket_folder = runtime->path();
        agent_options.unsafe_listen = preferences->unsafe_listen;
        agent_options.allow_programs = preferences->allow_programs;
        agent_options.warm = preferences->warm;
        if (!agent_options.unsafe_listen.empty()) {
            spdlog::warn("event=unsafe_listen detail=\"other hosts may use the ports with this login\"");
        }
        Desk desk(*folder, control, std::move(agent_options));
        control::Server server(control, desk);
        desk.start(server);
        server.serve(*std::move(listener));
        control.start();
        ::sd_notify(0, "READY=1\nSTATUS=Serving");
        report(std::nullopt);
        while (!signals.wait_a_second()) {
            // Whoever comes after could not find it, and would start another one.
            if (!seat->is_reachable() || (options.is_on_demand && desk.idle_for() >= kIdle)) {
                break;
            }
        }
        ::sd_notify(0, "STOPPING=1");
        desk.stop();
        if (desk.is_busy()) {
            // Something waits for a CA that does not answer. What it writes it writes whole.
            std::fflush(nullptr);
            std::_Exit(0);
        }
        control.stop();
    }
    return 0;
}

}  // namespace postern::client

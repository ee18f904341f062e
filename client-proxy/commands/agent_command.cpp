#include <pthread.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <memory>
#include <optional>
#include <system_error>
#include <thread>
#include <utility>

#include <spdlog/spdlog.h>
#include <systemd/sd-daemon.h>

#include "base/log.hpp"
#include "base/pace.hpp"
#include "base/process.hpp"
#include "client-proxy/agent/desk.hpp"
#include "client-proxy/commands/commands.hpp"
#include "client-proxy/commands/terminal.hpp"
#include "client-proxy/config/preferences.hpp"
#include "client-proxy/control/agent_client.hpp"
#include "client-proxy/control/runtime_folder.hpp"

namespace postern::client {

namespace {

/// An on-demand agent ends after this time without a client or an open port.
constexpr auto kIdle = std::chrono::minutes(5);

/// Blocks the signals that end the agent. It is created before the first thread starts, so that every thread
/// inherits the mask and only wait_a_second() receives them.
class EndSignals {
public:
    EndSignals() {
        ::sigemptyset(&signals_);
        for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
            // A blocked signal stays pending even when it is ignored, as nohup sets it.
            if (!is_ignored(signal)) {
                ::sigaddset(&signals_, signal);
            }
        }
        ::pthread_sigmask(SIG_BLOCK, &signals_, nullptr);
    }
    /// Whether a signal arrived within a second.
    bool wait_a_second() const {
        const timespec second{1, 0};
        return ::sigtimedwait(&signals_, nullptr, &second) > 0;
    }

private:
    sigset_t signals_{};
};

/// How long to wait for an agent whose folder was removed at the person's last logout to take its place
/// again.
constexpr auto kReturnTimeout = std::chrono::seconds(5);
constexpr Pace::Bounds kReturnPace{std::chrono::milliseconds(500), std::chrono::seconds(10)};

/// Waits for the lock "profile.lock", which a running agent holds for its profile. An agent whose folder was
/// removed takes its place again within two seconds after the folder has returned; an agent that starts at
/// that moment lets it do so, and is not needed. The holder of the lock may also serve another runtime folder
/// permanently, in another container that shares the profile; then the wait ends without the lock.
Result<FolderLock> wait_for_homeless(const ProfileFolder& folder, const control::RuntimeFolder& place) {
    auto held = folder.try_lock("profile.lock");
    const auto until = std::chrono::steady_clock::now() + kReturnTimeout;
    while (!held && held.error().code == Code::already_exists && std::chrono::steady_clock::now() < until &&
           !control::AgentClient::answers_at(place)) {
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
        held = folder.try_lock("profile.lock");
    }
    return held;
}

/// The folder where the agent is found. It may be removed at the last logout and return at the next login;
/// open ports stay open meanwhile.
class Place {
public:
    Place(ProfileFolder profile, control::RuntimeFolder folder, control::AgentSeat seat)
        : profile_(std::move(profile)), folder_(std::move(folder)), seat_(std::move(seat)) {}

    control::AgentSeat& seat() noexcept { return seat_; }
    /// Is called every second. It returns false when the agent is to end: another agent has taken the place,
    /// so that no client finds this one; or the profile is gone too, which is not a logout but the removal of
    /// the person's folders.
    bool settle(Desk& desk) {
        const auto now = std::chrono::steady_clock::now();
        std::error_code ignored;
        if (!std::filesystem::exists(profile_.path(), ignored)) {
            return false;
        }
        if (!pace_.is_due(now)) {
            return true;
        }
        // A process that removes this folder may be about to remove the profile too, so this waits for the
        // next call.
        const bool was_reachable = std::exchange(is_reachable_, seat_.is_reachable());
        if (!is_reachable_ && was_reachable) {
            return true;
        }
        const auto folder = control::RuntimeFolder::open();
        if (is_reachable_ && !(folder && folder->comes_before(folder_))) {
            return true;
        }
        if (folder && seat_.is_of(*folder)) {
            return take(desk, *folder, std::nullopt);
        }
        auto seat = folder ? control::AgentSeat::take(*folder) : Result<control::AgentSeat>(folder.error());
        if (!seat && seat.error().code == Code::already_exists) {
            return seat_.is_reachable();
        }
        if (!seat) {
            return wait_on(seat.error());
        }
        return take(desk, *folder, *std::move(seat));
    }

private:
    /// Serves in `folder`. Without a new `seat` the one that is already held is used.
    bool take(Desk& desk, const control::RuntimeFolder& folder, std::optional<control::AgentSeat> seat) {
        auto listener = seat ? seat->listen() : seat_.listen();
        if (!listener) {
            return wait_on(listener.error());
        }
        desk.move_to(folder.path(), *std::move(listener));
        folder_ = folder;
        if (seat) {
            seat_ = *std::move(seat);
        }
        pace_.worked();
        return true;
    }
    bool wait_on(const Failure& why) {
        spdlog::warn("event=agent.folder_lost error={}", postern::quoted(why.detail));
        pace_.failed(std::chrono::steady_clock::now());
        return true;
    }

    const ProfileFolder profile_;
    control::RuntimeFolder folder_;
    control::AgentSeat seat_;
    bool is_reachable_ = true;
    Pace pace_{kReturnPace};
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
    // The command that started the agent shows the error, because the agent has no terminal.
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
    const auto only_one = wait_for_homeless(*folder, *runtime);
    auto seat = control::AgentSeat::take(*runtime);
    if (!seat) {
        return give_up({seat.error().code, seat.error().detail, "See what it does: postern status", {}});
    }
    const EndSignals signals;
    Place place(*folder, *runtime, *std::move(seat));
    auto listener = place.seat().listen();
    if (!listener) {
        return give_up(local_refusal(listener.error()));
    }
    net::EventLoops control(1);
    {
        AgentOptions agent_options;
        agent_options.socket_folder = runtime->path();
        agent_options.rules = {preferences->unsafe_listen, preferences->allow_programs, preferences->warm};
        if (!preferences->unsafe_listen.empty()) {
            spdlog::warn("event=unsafe_listen detail=\"other hosts may use the ports with this login\"");
        }
        Desk desk(*folder, control, std::move(agent_options),
                  SettingsWatch(Preferences::default_file(), *preferences));
        control::Server server(control, desk);
        desk.start(server);
        server.serve(*std::move(listener));
        control.start();
        ::sd_notify(0, "READY=1\nSTATUS=Serving");
        report(std::nullopt);
        while (!signals.wait_a_second()) {
            if (!place.settle(desk) || (options.is_on_demand && desk.idle_for() >= kIdle)) {
                break;
            }
        }
        ::sd_notify(0, "STOPPING=1");
        desk.stop();
        if (desk.is_busy()) {
            // A request waits for a CA that does not answer, so the process ends without it. Files are always
            // replaced as a whole, so none is left half written.
            std::fflush(nullptr);
            std::_Exit(0);
        }
        control.stop();
    }
    return 0;
}

}  // namespace postern::client

// The command postern-ca serve: drives the service by signals, and reports to systemd.

#include <malloc.h>
#include <time.h>

#include <chrono>
#include <condition_variable>
#include <csignal>
#include <mutex>
#include <thread>

#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <systemd/sd-daemon.h>

#include "base/log.hpp"
#include "base/process.hpp"
#include "ca-service/commands/command.hpp"
#include "ca-service/api/service.hpp"

namespace postern::ca::commands {

namespace {

/// Blocks the signals that the main thread will wait for, in it and in every thread that it will start.
sigset_t block_signals() {
    sigset_t signals;
    ::sigemptyset(&signals);
    for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGUSR1}) {
        ::sigaddset(&signals, signal);
    }
    ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);
    return signals;
}

/// Returns how often the watchdog must be told: after half of the time that systemd asks for, at most a
/// second.
std::chrono::microseconds heartbeat_interval() {
    std::uint64_t watchdog_microseconds = 0;
    std::chrono::microseconds interval = std::chrono::seconds(1);
    if (::sd_watchdog_enabled(0, &watchdog_microseconds) > 0) {
        interval = std::min(interval, std::chrono::microseconds(watchdog_microseconds / 2));
    }
    return interval;
}

void reload(Service& service) {
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    const std::int64_t microseconds = std::int64_t{now.tv_sec} * 1'000'000 + now.tv_nsec / 1000;
    ::sd_notify(0, fmt::format("RELOADING=1\nMONOTONIC_USEC={}", microseconds).c_str());
    if (auto reloaded = service.reload(); reloaded) {
        spdlog::info("event=config.reloaded");
        ::sd_notify(0, "READY=1\nSTATUS=Serving");
    } else {
        spdlog::error("event=config.reload_refused the old configuration stays in force:\n{}",
                      reloaded.error().detail);
        ::sd_notify(0, "READY=1\nSTATUS=Serving with the old configuration: the new one is invalid");
    }
}

/// Asks the service manager, while it lives, for the time that the drain takes, again and again: the manager
/// kills what takes longer than the unit says (TimeoutStopSec; sd_notify(3)).
class MoreTime {
public:
    MoreTime() = default;
    ~MoreTime() {
        {
            const std::lock_guard lock(mutex_);
            is_over_ = true;
        }
        over_.notify_all();
        thread_.join();
    }
    MoreTime(const MoreTime&) = delete;
    MoreTime& operator=(const MoreTime&) = delete;

private:
    static constexpr std::chrono::seconds kAskEvery{5};

    void ask() {
        std::unique_lock lock(mutex_);
        do {
            ::sd_notify(0, "EXTEND_TIMEOUT_USEC=30000000\nWATCHDOG=1");
        } while (!over_.wait_for(lock, kAskEvery, [this] { return is_over_; }));
    }

    std::mutex mutex_;
    std::condition_variable over_;
    bool is_over_ = false;
    std::thread thread_{[this] { ask(); }};
};

/// Serves until SIGTERM or SIGINT.
void drive(Service& service, const sigset_t& signals) {
    const auto interval = heartbeat_interval();
    const timespec timeout{interval.count() / 1'000'000, interval.count() % 1'000'000 * 1000};
    while (true) {
        const int signal = ::sigtimedwait(&signals, nullptr, &timeout);
        if (signal == SIGTERM || signal == SIGINT) {
            return;
        }
        if (signal == SIGHUP) {
            reload(service);
        } else if (signal == SIGUSR1) {
            service.rotate_audit_log();
        }
        service.tick();
        if (service.is_responsive()) {
            ::sd_notify(0, "WATCHDOG=1");
        }
    }
}

CommandResult<void> serve(const CommandLine& line, const std::string& level) {
    if (auto started = start_log("postern-ca", level); !started) {
        return CommandError{Exit::usage, started.error().detail, "see postern-ca serve --help"};
    }
    if (auto initialized = check_initialized(line); !initialized) {
        return initialized;
    }
    auto config = load_config(line);
    if (!config) {
        return config.error();
    }
    // A password hash takes 19 MiB. It goes back to the kernel at once with this, instead of staying in each
    // thread's arena.
    ::mallopt(M_MMAP_THRESHOLD, 1 << 20);
    const sigset_t signals = block_signals();
    const std::string host = config->listen.host;
    const ServiceFiles files{line.directory, line.config(), line.store()};
    auto service = Service::start(files, std::move(*config));
    if (!service) {
        CommandError error = command_error("cannot start", service.error());
        if (service.error().code == Code::already_exists) {
            error.hint =
                "another program has the port: stop it, or change listen in " + line.config().string();
        }
        return error;
    }
    spdlog::info("event=serve.listening address={}:{} version={}", host, (*service)->port(), version());
    if (const unsigned short port = (*service)->health_port(); port != 0) {
        spdlog::info("event=serve.health_listening port={}", port);
    }
    ::sd_notify(0, "READY=1\nSTATUS=Serving");
    drive(**service, signals);
    ::sd_notify(0, "STOPPING=1");
    spdlog::info("event=serve.stopping");
    const bool is_clean = [&] {
        const MoreTime more_time;
        return (*service)->drain();
    }();
    // A service that hangs here gets no more time.
    service->reset();
    spdlog::info("event=serve.stopped clean={}", is_clean);
    return {};
}

}  // namespace

void add_serve(CLI::App& app, CommandLine& line) {
    CLI::App* command = add_command(
        app, "serve",
        "Run the CA service: logins, renewals, revocation lists over HTTPS.\n"
        "SIGHUP reads the configuration again, SIGUSR1 begins a new audit file, SIGTERM ends it in order");
    auto level = std::make_shared<std::string>("info");
    command->add_option("--log-level", *level, "trace, debug, info, warn or error")->capture_default_str();
    command->callback([&line, level] { line.run = [&line, level] { return serve(line, *level); }; });
}

}  // namespace postern::ca::commands

#include "gateway/commands/serve_command.hpp"

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <ctime>
#include <memory>
#include <optional>
#include <thread>
#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <systemd/sd-daemon.h>

#include "base/log.hpp"
#include "base/process.hpp"
#include "gateway/commands/cli_error.hpp"
#include "gateway/server/server.hpp"

namespace postern::gateway {

namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using std::chrono::steady_clock;

constexpr std::chrono::milliseconds kLookEvery{20};
/// How long the last audit records may take after all tunnels were cut.
constexpr std::chrono::seconds kLastWords{3};
/// The service manager kills a service that takes longer to stop than its unit allows (TimeoutStopSec),
/// unless the service asks for more time: every `kAskForTimeEvery`, for this number of microseconds
/// (sd_notify(3)).
constexpr std::chrono::seconds kAskForTimeEvery{5};
constexpr const char* kMoreTime = "EXTEND_TIMEOUT_USEC=30000000";
/// How often warnings are logged; a certificate may expire without a reload.
constexpr std::chrono::hours kWarnEvery{24};
/// How long threads without any work left may take to end by themselves.
constexpr std::chrono::milliseconds kLeftovers{300};

/// Runs the server on the main thread: signals, watchdog, drain.
class ServerLifecycle {
public:
    /// `hangups` waits on `loop` for SIGHUP and SIGUSR1 and may have received some already.
    ServerLifecycle(Server& server, asio::io_context& loop, asio::signal_set& hangups)
        : server_(server), loop_(loop), signals_(hangups) {
        signals_.add(SIGTERM);
        signals_.add(SIGINT);
        listen_for_signals();
        feed_watchdog();
        warn_daily();
    }

    /// Returns when the server is drained.
    void run() { loop_.run(); }
    bool had_to_cut() const noexcept { return had_to_cut_; }

private:
    void listen_for_signals() {
        signals_.async_wait([this](error_code error, int signal) {
            if (error) {
                return;
            }
            if (signal == SIGHUP) {
                reload();
            } else if (signal == SIGUSR1) {
                server_.rotate_audit_log();
            } else if (!drain_until_) {
                begin_drain(signal);
            } else {
                drain_until_ = steady_clock::now();
            }
            listen_for_signals();
        });
    }

    void reload() {
        timespec now{};
        ::clock_gettime(CLOCK_MONOTONIC, &now);
        const std::uint64_t usec = static_cast<std::uint64_t>(now.tv_sec) * 1'000'000U +
                                   static_cast<std::uint64_t>(now.tv_nsec) / 1'000U;
        const std::string reloading = fmt::format("RELOADING=1\nMONOTONIC_USEC={}", usec);
        ::sd_notify(0, reloading.c_str());
        const auto reloaded = server_.reload();
        ::sd_notify(0, reloaded ? "READY=1\nSTATUS=Reloaded"
                                : "READY=1\nSTATUS=Reload failed; the old configuration is in force");
    }

    void begin_drain(int signal) {
        const auto timeout = server_.snapshot().settings.drain_timeout;
        spdlog::info("event=gateway.draining signal={} tunnels={} drain_timeout_ms={}", signal,
                     server_.tunnels(), timeout.count());
        ::sd_notify(0, "STOPPING=1");
        server_.stop_accepting();
        drain_until_ = steady_clock::now() + timeout;
        watch_drain();
    }

    void watch_drain() {
        const auto now = steady_clock::now();
        const bool is_late = cut_until_ && now >= *cut_until_;
        if (server_.is_drained() || is_late) {
            loop_.stop();
            return;
        }
        if (now >= ask_for_time_at_) {
            ::sd_notify(0, kMoreTime);
            ask_for_time_at_ = now + kAskForTimeEvery;
        }
        if (!cut_until_ && now >= *drain_until_) {
            had_to_cut_ = server_.tunnels() > 0;
            spdlog::warn("event=gateway.cutting tunnels={}", server_.tunnels());
            server_.cut_all(Code::shutting_down);
            cut_until_ = now + kLastWords;
        }
        drain_.expires_after(kLookEvery);
        drain_.async_wait([this](error_code error) {
            if (!error) {
                watch_drain();
            }
        });
    }

    void feed_watchdog() {
        std::uint64_t usec = 0;
        if (::sd_watchdog_enabled(0, &usec) <= 0) {
            return;
        }
        watchdog_.expires_after(std::chrono::microseconds(usec / 3));
        watchdog_.async_wait([this](error_code error) {
            if (error) {
                return;
            }
            if (server_.check_alive()) {
                ::sd_notify(0, "WATCHDOG=1");
            } else {
                spdlog::error("event=gateway.stuck detail={}", quoted("a loop does not answer"));
            }
            feed_watchdog();
        });
    }

    void warn_daily() {
        daily_.expires_after(kWarnEvery);
        daily_.async_wait([this](error_code error) {
            if (!error) {
                server_.warn();
                warn_daily();
            }
        });
    }

    Server& server_;
    asio::io_context& loop_;
    asio::signal_set& signals_;
    asio::steady_timer watchdog_{loop_};
    asio::steady_timer daily_{loop_};
    asio::steady_timer drain_{loop_};
    std::optional<steady_clock::time_point> drain_until_;
    std::optional<steady_clock::time_point> cut_until_;
    steady_clock::time_point ask_for_time_at_{};
    bool had_to_cut_ = false;
};

/// Makes the process end soon after Server::close(). A thread may still wait for a CA that does not answer,
/// or for a name server, and neither wait can be interrupted.
void exit_soon(int exit_code) {
    spdlog::default_logger()->flush();
    std::thread([exit_code] {
        std::this_thread::sleep_for(kLeftovers);
        std::_Exit(exit_code);
    }).detach();
}

}  // namespace

int serve_command(const std::filesystem::path& config) {
    // A SIGHUP or SIGUSR1 that comes during start-up must not end the gateway. It is a reload or a rotation
    // as soon as the gateway serves.
    asio::io_context loop{1};
    asio::signal_set hangups(loop, SIGHUP, SIGUSR1);
    auto server = Server::start(config, system_clock());
    if (!server) {
        return cli_error("cannot serve", server.error());
    }
    ServerLifecycle lifecycle(**server, loop, hangups);
    for (const unsigned short port : (*server)->ports()) {
        spdlog::info("event=gateway.listening port={} version={}", port, version());
    }
    if (const unsigned short port = (*server)->health_port(); port != 0) {
        spdlog::info("event=gateway.health_listening port={}", port);
    }
    ::sd_notify(0, "READY=1");
    lifecycle.run();
    (*server)->close();
    spdlog::info("event=gateway.stopped cut={}", lifecycle.had_to_cut());
    const int exit_code = lifecycle.had_to_cut() ? kExitCut : 0;
    exit_soon(exit_code);
    server->reset();
    return exit_code;
}

}  // namespace postern::gateway

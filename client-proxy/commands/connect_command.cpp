#include <poll.h>
#include <pthread.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <map>
#include <optional>
#include <set>
#include <thread>
#include <utility>

#include <fmt/format.h>
#include <systemd/sd-daemon.h>

#include "base/unique_fd.hpp"
#include "client-proxy/commands/agent_session.hpp"
#include "client-proxy/commands/notes.hpp"
#include "client-proxy/commands/service_file.hpp"
#include "client-proxy/commands/terminal.hpp"
#include "pki/identity.hpp"

namespace postern::client {

namespace {

using nlohmann::json;

/// Between two attempts to log in, with --wait.
constexpr auto kWaitPause = std::chrono::seconds(2);

struct WantedPort {
    std::string service;
    /// Empty: whatever fits the service.
    std::string mode;
    /// Nothing: the remembered one, or the next free one. 0: any, not remembered.
    std::optional<unsigned short> port;
};

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
         {std::pair{&options.end_to_end, "end_to_end"}, std::pair{&options.passthrough, "passthrough"}}) {
        for (const auto& text : *texts) {
            auto wanted = parse_wanted(text, mode);
            if (!wanted) {
                return wanted.error();
            }
            all.push_back(*std::move(wanted));
        }
    }
    return all;
}

// Blocked from the start, so that none is lost before it is waited for.
class StopSignals {
public:
    StopSignals() {
        sigset_t signals;
        ::sigemptyset(&signals);
        for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
            ::sigaddset(&signals, signal);
        }
        ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);
        fd_ = UniqueFd(::signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK));
    }
    int fd() const noexcept { return fd_.get(); }

private:
    UniqueFd fd_;
};

std::string bytes_text(std::uint64_t bytes) {
    static constexpr std::array<const char*, 5> kUnits{"B", "kB", "MB", "GB", "TB"};
    double amount = static_cast<double>(bytes);
    std::size_t unit = 0;
    while (amount >= 1000 && unit + 1 < kUnits.size()) {
        amount /= 1000;
        ++unit;
    }
    return unit == 0 ? fmt::format("{} B", bytes) : fmt::format("{:.1f} {}", amount, kUnits[unit]);
}

/// A `postern connect` in the foreground: its ports stay open while it runs.
class Foreground {
public:
    Foreground(const ConnectOptions& options, std::vector<WantedPort> wanted, Notes& notes)
        : options_(options), wanted_(std::move(wanted)), notes_(notes) {}

    /// Opens the ports; says which.
    Outcome<void> open(control::AgentClient& agent);
    /// Until a signal comes (0), or the agent ends.
    std::optional<int> watch(control::AgentClient& agent, const StopSignals& signals);

private:
    void take(const control::Notification& notification);
    void show_status();

    const ConnectOptions& options_;
    const std::vector<WantedPort> wanted_;
    Notes& notes_;
    std::set<std::string> services_;
    std::map<std::string, json> traffic_;
    std::map<std::string, std::string> states_;
    json login_;
    bool has_ended_ = false;
};

Outcome<void> Foreground::open(control::AgentClient& agent) {
    const auto hello = agent.call("hello", {{"client", "postern connect"}});
    const auto state = hello ? agent.call("subscribe") : hello;
    if (!state) {
        return state.error();
    }
    login_ = (*state)["login"];
    for (const auto& wanted : wanted_) {
        auto parameters = connect_parameters(wanted.service, options_.files);
        parameters["hold"] = !options_.is_background;
        parameters["mode"] = wanted.mode;
        if (wanted.port) {
            parameters["port"] = *wanted.port;
        }
        if (options_.admits_other_users) {
            parameters["unsafe_any_local_user"] = true;
        }
        const auto service = agent.call("connect", parameters);
        if (!service) {
            return service.error();
        }
        services_.insert(wanted.service);
        states_[wanted.service] = (*service)["state"].get<std::string>();
        const json& opened = (*service)["opened"];
        notes_.listening(wanted.service, opened, opened["commands"], (*hello)["pid"].get<int>());
        if (options_.writes_service_file && wanted.mode == "end_to_end") {
            const auto written = write_service_file(
                {wanted.service, opened["port"].get<unsigned short>(), opened.value("user", std::string())});
            if (!written) {
                return written.error();
            }
            notes_.remark(fmt::format("psql service={} works now ({})", wanted.service, written->string()));
        }
    }
    return {};
}

void Foreground::take(const control::Notification& notification) {
    const json& params = notification.params;
    if (notification.method == "event") {
        const std::string service = params.value("service", std::string());
        if (service.empty() || services_.count(service) > 0) {
            notes_.event(params);
        }
    } else if (notification.method == "service") {
        const std::string service = params.value("name", std::string());
        if (services_.count(service) > 0) {
            states_[service] = params.value("state", std::string());
            has_ended_ = has_ended_ || (params["ports"].empty() && states_[service] == "disconnected");
        }
    } else if (notification.method == "traffic") {
        for (const auto& one : params["services"]) {
            traffic_[one.value("name", std::string())] = one;
        }
    } else if (notification.method == "login") {
        login_ = params;
    } else if (notification.method == "shutdown") {
        has_ended_ = true;
    }
}

void Foreground::show_status() {
    std::string line;
    for (const auto& [service, state] : states_) {
        const json& traffic = traffic_[service];
        const auto count = [&](const char* key) {
            return traffic.is_object() ? traffic.value(key, std::uint64_t{0}) : 0;
        };
        line +=
            fmt::format("{}{} {}, {} open, {} in, {} out", line.empty() ? "" : "; ", service, state,
                        count("connections"), bytes_text(count("bytes_in")), bytes_text(count("bytes_out")));
    }
    if (login_.is_object()) {
        if (const auto end = parse_time(login_.value("not_after", std::string()))) {
            const auto left =
                std::chrono::duration_cast<std::chrono::minutes>(*end - system_clock()()).count();
            line += left > 0 ? fmt::format("; certificate {} min", left) : "; certificate expired";
        }
    }
    notes_.status(line);
}

std::optional<int> Foreground::watch(control::AgentClient& agent, const StopSignals& signals) {
    for (;;) {
        while (auto notification = agent.take()) {
            take(*notification);
        }
        if (has_ended_) {
            notes_.remark("the ports were closed");
            return 0;
        }
        if (agent.is_closed()) {
            return std::nullopt;
        }
        show_status();
        std::array<pollfd, 2> waiting{pollfd{agent.fd(), POLLIN, 0}, pollfd{signals.fd(), POLLIN, 0}};
        ::poll(waiting.data(), waiting.size(), 60'000);
        if (waiting[1].revents != 0) {
            return 0;
        }
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
    auto agent = control::AgentClient::find_or_start();
    if (!agent) {
        return fail(agent.error());
    }
    while (!options.files.has_files()) {
        const auto ready = ensure_login(*agent, options.login);
        if (ready) {
            break;
        }
        if (!options.is_patient || exit_code_of(ready.error().code) != 5) {
            return fail(ready.error());
        }
        std::this_thread::sleep_for(kWaitPause);
    }
    const StopSignals signals;
    const bool has_status_line = !options.as_json && !options.is_background && ::isatty(STDOUT_FILENO) == 1;
    Notes notes(options.as_json ? Notes::Style::json : Notes::Style::human, has_color(STDERR_FILENO),
                has_status_line);
    if (options.admits_other_users) {
        notes.remark(
            "warning: every user of this machine may use these ports with your login "
            "(--unsafe-any-local-user)");
    }
    Foreground foreground(options, *wanted, notes);
    for (;;) {
        if (auto opened = foreground.open(*agent); !opened) {
            return fail(opened.error());
        }
        ::sd_notify(0, "READY=1");
        if (options.is_background) {
            return 0;
        }
        if (const auto code = foreground.watch(*agent, signals)) {
            return *code;
        }
        notes.remark("the agent has ended; starting it again");
        agent = control::AgentClient::find_or_start();
        if (!agent) {
            return fail(agent.error());
        }
    }
}

int disconnect(const std::string& service, bool as_json) {
    auto agent = control::AgentClient::find();
    if (!agent) {
        return fail(Refusal{Code::not_found, "no agent runs: no port is open", {}, {}});
    }
    const auto state = agent->call("disconnect", {{"service", service}});
    if (!state) {
        return fail(state.error());
    }
    std::puts(as_json ? state->dump(2).c_str() : fmt::format("{} is closed.", service).c_str());
    return 0;
}

}  // namespace postern::client

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

/// As a shell says it of a program that Ctrl-C ended.
constexpr int kInterrupted = 130;
/// Between two attempts to log in, with --wait.
constexpr auto kWaitPause = std::chrono::seconds(2);
/// The same once the login session has ended or is about to.
constexpr auto kLoginPause = std::chrono::seconds(5);
/// Before the end of a session.
constexpr auto kLoginAhead = std::chrono::seconds(10);
/// Before a person is asked once more.
constexpr auto kQuestionPause = std::chrono::seconds(1);

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
         {std::pair{&options.services, ""}, std::pair{&options.passthrough, "passthrough"}}) {
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

// Of a *state*, or of the notification `attention`.
std::string reason_of_attention(const json& told) {
    const auto found = told.find("attention");
    return found != told.end() ? control::text_in(*found, "reason") : std::string();
}

/// A `postern connect` in the foreground: its ports stay open while it runs.
class Foreground {
public:
    Foreground(const ConnectOptions& options, std::vector<WantedPort> wanted, Notes& notes)
        : options_(options),
          wanted_(std::move(wanted)),
          notes_(notes),
          asks_login_(!options.is_background &&
                      (has_password_file(options.login) || can_ask(options.login))) {}

    /// Opens the ports; says which.
    Outcome<void> open(control::AgentClient& agent);
    /// Until a signal comes (0), or the agent ends.
    std::optional<int> watch(control::AgentClient& agent, const StopSignals& signals);

private:
    void take(const control::Notification& notification);
    void note_attention(const std::string& reason);
    void take_all(control::AgentClient& agent);
    bool is_session_ending() const;
    void log_in_again(control::AgentClient& agent);
    void show_status();

    const ConnectOptions& options_;
    const std::vector<WantedPort> wanted_;
    Notes& notes_;
    std::set<std::string> services_;
    std::map<std::string, json> traffic_;
    std::map<std::string, std::string> states_;
    std::map<std::string, int> told_ports_;
    json login_;
    bool has_ended_ = false;
    /// When to log in anew with the password that is on this machine; nothing while the login is good.
    std::optional<std::chrono::steady_clock::time_point> next_login_;
    std::chrono::steady_clock::time_point last_login_ = std::chrono::steady_clock::now();
    bool was_expired_ = false;
    /// A new login can be made from here. Local connections wait for it.
    bool asks_login_;
    /// Ctrl-C at the question.
    bool was_cancelled_ = false;
};

Outcome<void> Foreground::open(control::AgentClient& agent) {
    const auto hello = agent.call("hello", {{"client", "postern connect"}, {"asks_login", asks_login_}});
    const auto state = hello ? agent.call("subscribe") : hello;
    if (!state) {
        return state.error();
    }
    login_ = (*state)["login"];
    note_attention(reason_of_attention(*state));
    for (const auto& wanted : wanted_) {
        auto parameters = connect_parameters(wanted.service, options_.files);
        parameters["hold"] = !options_.is_background;
        if (!wanted.mode.empty()) {
            parameters["mode"] = wanted.mode;
        }
        if (wanted.port) {
            parameters["port"] = *wanted.port;
        }
        if (!options_.database.empty()) {
            parameters["database"] = options_.database;
        }
        if (options_.warm >= 0) {
            parameters["warm"] = options_.warm;
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
        traffic_[wanted.service] = *service;
        const json& opened = (*service)["opened"];
        const int port = opened["port"].get<int>();
        // After the agent was started again there is nothing new to paste.
        if (!options_.as_json && std::exchange(told_ports_[wanted.service + wanted.mode], port) == port) {
            notes_.remark(fmt::format("{} is at localhost:{} again", wanted.service, port));
        } else {
            notes_.listening(wanted.service, opened, opened["commands"], (*hello)["pid"].get<int>());
        }
        if (options_.writes_service_file && opened.value("mode", std::string()) == "end_to_end") {
            const auto written = write_service_file({wanted.service, opened["port"].get<unsigned short>(),
                                                     opened.value("user", std::string()),
                                                     opened.value("database", std::string())});
            if (!written) {
                return written.error();
            }
            notes_.remark(fmt::format("psql service={} works now ({})", wanted.service, written->string()));
        }
    }
    // What the agent had to remark comes before the answer to this.
    if (const auto last = agent.call("settings.get"); !last) {
        return last.error();
    }
    take_all(agent);
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
    } else if (notification.method == "attention") {
        note_attention(reason_of_attention(params));
    } else if (notification.method == "shutdown") {
        has_ended_ = true;
    }
}

// Told again while it stays so: that is no reason to try again what failed.
void Foreground::note_attention(const std::string& reason) {
    const bool is_expired = reason == "login_expired";
    if (is_expired != was_expired_) {
        was_expired_ = is_expired;
        next_login_.reset();
        if (is_expired) {
            next_login_ = std::chrono::steady_clock::now();
        }
    }
}

void Foreground::take_all(control::AgentClient& agent) {
    while (auto notification = agent.take()) {
        take(*notification);
    }
}

// A session that is about to end while the password is at hand: the next one begins before, and nobody waits.
bool Foreground::is_session_ending() const {
    const auto ends = parse_time(control::text_in(login_, "session_ends"));
    return ends && *ends - system_clock()() < kLoginAhead && has_password_file(options_.login);
}

// A login session ends after some hours whatever is renewed. Where nobody sits the password is in a file.
void Foreground::log_in_again(control::AgentClient& agent) {
    const auto now = std::chrono::steady_clock::now();
    const bool is_due =
        next_login_ ? now >= *next_login_ : is_session_ending() && now - last_login_ >= kLoginPause;
    if (!is_due || !asks_login_) {
        return;
    }
    next_login_.reset();
    last_login_ = now;
    LoginOptions login = options_.login;
    const bool asks_person = !has_password_file(login);
    login.is_non_interactive = !asks_person;
    login.user = login.user.empty() ? control::text_in(login_, "user") : login.user;
    if (asks_person) {
        notes_.remark("your login has ended; connections wait a minute for the next one");
    }
    const auto done = log_in_at(agent, login);
    if (done || done.error().code == Code::cancelled) {
        was_cancelled_ = !done;
        return;
    }
    notes_.remark(fmt::format("the login has ended, and a new one failed: {}", done.error().message));
    // A password that was refused is not tried again: it would only lock the account. A person may know a
    // better one.
    if (asks_person || exit_code_of(done.error().code) == 5) {
        next_login_ = std::chrono::steady_clock::now() + (asks_person ? kQuestionPause : kLoginPause);
    } else {
        asks_login_ = false;
        [[maybe_unused]] const auto told =
            agent.call("hello", {{"client", "postern connect"}, {"asks_login", false}});
    }
}

void Foreground::show_status() {
    ShownStatus shown;
    for (const auto& [service, state] : states_) {
        const json& traffic = traffic_[service];
        const auto count = [&](const char* key) {
            return traffic.is_object() ? traffic.value(key, std::uint64_t{0}) : 0;
        };
        shown.services.push_back(
            {service, state, count("connections"), count("bytes_in"), count("bytes_out")});
    }
    if (login_.is_object() && !options_.files.has_files()) {
        shown.login_state = login_.value("state", std::string());
        if (const auto end = parse_time(login_.value("not_after", std::string()))) {
            shown.certificate_left =
                std::chrono::duration_cast<std::chrono::seconds>(*end - system_clock()());
        }
    }
    notes_.status(shown);
}

std::optional<int> Foreground::watch(control::AgentClient& agent, const StopSignals& signals) {
    for (;;) {
        take_all(agent);
        if (has_ended_) {
            notes_.remark("the ports were closed");
            return 0;
        }
        if (agent.is_closed()) {
            return std::nullopt;
        }
        log_in_again(agent);
        if (was_cancelled_) {
            return 0;
        }
        show_status();
        std::array<pollfd, 2> waiting{pollfd{agent.fd(), POLLIN, 0}, pollfd{signals.fd(), POLLIN, 0}};
        ::poll(waiting.data(), waiting.size(), 1000);
        if (waiting[1].revents != 0) {
            return 0;
        }
    }
}

// The clients of its tunnels are told before it goes.
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
    // In a container there is nobody else to bury what ends.
    const bool is_first_process = ::getpid() == 1;
    if (is_first_process) {
        std::signal(SIGCHLD, SIG_IGN);
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
    const bool owns_agent = options.owns_agent || is_first_process;
    const StopSignals signals;
    agent->interrupt_when_readable(signals.fd());
    const bool has_status_line = !options.as_json && !options.is_background && is_drawable(STDOUT_FILENO);
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
            return opened.error().code == Code::cancelled ? kInterrupted : fail(opened.error());
        }
        ::sd_notify(0, "READY=1");
        if (options.is_background) {
            if (!options.as_json) {
                std::fprintf(stderr, "It stays open in the background. Close it: postern disconnect %s\n",
                             wanted->front().service.c_str());
            }
            return 0;
        }
        if (const auto code = foreground.watch(*agent, signals)) {
            if (owns_agent) {
                end_agent(*agent);
            }
            return *code;
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
    std::puts(as_json ? state->dump(2).c_str() : text.c_str());
    return 0;
}

}  // namespace postern::client

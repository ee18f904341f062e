#include "client-proxy/commands/foreground.hpp"

#include <poll.h>
#include <unistd.h>

#include <array>
#include <utility>

#include <fmt/format.h>

#include "base/reason.hpp"
#include "client-proxy/commands/agent_session.hpp"
#include "client-proxy/commands/service_file.hpp"
#include "client-proxy/commands/terminal.hpp"
#include "client-proxy/refusal/ca_clock.hpp"

namespace postern::client {

using nlohmann::json;

namespace {

/// The pauses between attempts to log in when the login session has ended or is about to end.
constexpr Pace::Bounds kLoginPace{std::chrono::seconds(5), std::chrono::minutes(2)};
/// How long before the end of a session the next login is made.
constexpr auto kLoginAhead = std::chrono::seconds(10);

/// The reason in the member `attention` of a *state* or of the notification `attention`.
std::string reason_of_attention(const json& told) {
    const auto found = told.find("attention");
    return found != told.end() ? control::text_in(*found, "reason") : std::string();
}

/// The clock difference in a *state*; 0 when the two clocks agree.
std::chrono::seconds clock_ahead_in(const json& state) {
    const auto found = state.find("clock_ahead_seconds");
    const std::chrono::seconds ahead(
        found != state.end() && found->is_number_integer() ? found->get<std::int64_t>() : 0);
    const bool is_wrong = ahead > CaClock::kTolerance || ahead < -CaClock::kTolerance;
    return is_wrong ? ahead : std::chrono::seconds(0);
}

}  // namespace

Foreground::Foreground(const ConnectOptions& options, std::vector<WantedPort> wanted, Notes& notes)
    : options_(options),
      wanted_(std::move(wanted)),
      notes_(notes),
      login_pace_(kLoginPace),
      asks_login_(!options.is_background && (has_password_file(options.login) || can_ask(options.login))) {}

json Foreground::parameters_of(const WantedPort& wanted) const {
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
    return parameters;
}

Outcome<void> Foreground::open(control::AgentClient& agent) {
    const auto hello = agent.call("hello", {{"client", "postern connect"}, {"asks_login", asks_login_}});
    says_it_asks_ = asks_login_;
    const auto state = hello ? agent.call("subscribe") : hello;
    if (!state) {
        return state.error();
    }
    login_ = (*state)["login"];
    clock_ahead_ = clock_ahead_in(*state);
    note_attention(reason_of_attention(*state));
    for (const auto& wanted : wanted_) {
        const auto service = agent.call("connect", parameters_of(wanted));
        if (!service) {
            return service.error();
        }
        if (auto shown = show_opened(wanted, *service, (*hello)["pid"].get<int>()); !shown) {
            return shown;
        }
    }
    // The agent's remarks about the ports arrive before the answer to this request. A person who stops the
    // command from now on stops one whose ports are open, which watch() notices.
    if (const auto last = agent.call("settings.get"); !last && last.error().code != Code::cancelled) {
        return last.error();
    }
    take_all(agent);
    return {};
}

Outcome<void> Foreground::show_opened(const WantedPort& wanted, const json& service, int agent_pid) {
    services_.insert(wanted.service);
    states_[wanted.service] = service["state"].get<std::string>();
    traffic_[wanted.service] = service;
    const json& opened = service["opened"];
    const auto port = opened["port"].get<unsigned short>();
    // After a restart of the agent the lines to paste are the same, so they are not printed again.
    if (!options_.as_json && std::exchange(told_ports_[wanted.service + wanted.mode], port) == port) {
        notes_.remark(fmt::format("{} is at localhost:{} again", wanted.service, port));
    } else {
        notes_.listening(wanted.service, opened, opened["commands"], agent_pid);
    }
    if (!options_.writes_service_file || opened.value("mode", std::string()) != "end_to_end") {
        return {};
    }
    const auto written = write_service_file(
        {wanted.service, port, opened.value("user", std::string()), opened.value("database", std::string())});
    if (!written) {
        return written.error();
    }
    notes_.remark(fmt::format("psql service={} works now ({})", wanted.service, written->string()));
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
            if (params["ports"].empty() && states_[service] == "disconnected") {
                forget(service);
            }
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

/// Removes a service whose ports were closed by another client; the others stay open.
void Foreground::forget(const std::string& service) {
    services_.erase(service);
    states_.erase(service);
    std::erase_if(wanted_, [&](const WantedPort& wanted) { return wanted.service == service; });
    has_ended_ = has_ended_ || services_.empty();
    if (!has_ended_) {
        notes_.remark(fmt::format("{} is closed; the others stay open", service));
    }
}

/// Takes over a change of the attention. The agent repeats the notification while the state lasts, and a
/// repetition is no reason to retry a login that failed.
void Foreground::note_attention(const std::string& reason) {
    const bool is_expired = reason == "login_expired";
    if (is_expired != was_expired_) {
        was_expired_ = is_expired;
        needs_login_ = is_expired;
        // The pause stays long after a login that ended at once, because the next one will not be better.
        if (std::chrono::steady_clock::now() - last_login_ > kLoginAhead) {
            login_pace_.worked();
        }
    }
}

/// The CA service's time, as far as the agent knows it.
SystemTime Foreground::time_there() const {
    return system_clock()() - clock_ahead_;
}

void Foreground::take_all(control::AgentClient& agent) {
    while (auto notification = agent.take()) {
        take(*notification);
    }
}

/// Whether the session is about to end and the password is in a file, so that the next session can begin
/// early and no connection has to wait.
bool Foreground::is_session_ending() const {
    const auto ends = parse_time(control::text_in(login_, "session_ends"));
    return ends && *ends - time_there() < kLoginAhead && has_password_file(options_.login);
}

/// Makes a new login when it is needed and possible. A login session ends after some hours even if its
/// certificates are renewed. Where no person is present, the password is in a file.
void Foreground::log_in_again(control::AgentClient& agent) {
    const auto now = std::chrono::steady_clock::now();
    if (!asks_login_ || !login_pace_.is_due(now) || (!needs_login_ && !is_session_ending())) {
        return;
    }
    LoginOptions login = options_.login;
    const bool asks_person = !has_password_file(login);
    // A background job that reads from the terminal is stopped. It therefore asks only in the foreground, and
    // until then no connection waits for an answer.
    const bool can_ask_now = !asks_person || is_in_foreground(STDIN_FILENO);
    if (std::exchange(says_it_asks_, can_ask_now) != can_ask_now) {
        if (!can_ask_now) {
            notes_.remark("your login has ended: run postern login, or bring this command to the foreground");
        }
        say_hello(agent, can_ask_now);
    }
    if (!can_ask_now) {
        return;
    }
    needs_login_ = false;
    last_login_ = now;
    login_pace_.failed(now);
    login.is_non_interactive = !asks_person;
    login.user = login.user.empty() ? control::text_in(login_, "user") : login.user;
    if (asks_person) {
        notes_.remark("your login has ended; connections wait a minute for the next one");
    }
    const auto done = log_in_at(agent, login);
    if (done || done.error().code == Code::cancelled) {
        // The end of the agent also ends the question, and a new agent is started.
        was_cancelled_ = !done && !agent.is_closed();
        return;
    }
    notes_.remark(fmt::format("the login has ended, and a new one failed: {}", done.error().message));
    // A stored password that was refused is not tried again, because that would only lock the account. A
    // person may enter a better one.
    needs_login_ = asks_person || reason_of(done.error().code).exit_code == 5;
    if (!needs_login_) {
        asks_login_ = false;
        say_hello(agent, false);
    }
}

void Foreground::say_hello(control::AgentClient& agent, bool asks_login) {
    [[maybe_unused]] const auto told =
        agent.call("hello", {{"client", "postern connect"}, {"asks_login", asks_login}});
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
            shown.certificate_left = std::chrono::duration_cast<std::chrono::seconds>(*end - time_there());
        }
    }
    notes_.status(shown);
}

std::optional<int> Foreground::watch(control::AgentClient& agent, int signals) {
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
        std::array<pollfd, 2> waiting{pollfd{agent.fd(), POLLIN, 0}, pollfd{signals, POLLIN, 0}};
        ::poll(waiting.data(), waiting.size(), 1000);
        if (waiting[1].revents != 0) {
            return 0;
        }
    }
}

}  // namespace postern::client

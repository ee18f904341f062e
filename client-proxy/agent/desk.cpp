#include "client-proxy/agent/desk.hpp"

#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdint>
#include <future>
#include <thread>
#include <utility>

#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <fmt/format.h>

#include "base/process.hpp"
#include "client-proxy/control/parameters.hpp"
#include "client-proxy/refusal/ca_clock.hpp"
#include "net/await.hpp"

namespace postern::client {

namespace asio = boost::asio;
using nlohmann::json;

namespace {

constexpr int kProtocol = 1;
/// Whoever asks for more events than are kept gets those that are kept.
constexpr std::int64_t kMostLimit = 1'000'000'000;
/// So long the agent waits at its end for clients to read what they are told.
constexpr auto kLastWords = std::chrono::seconds(1);

/// Makes the entry in the table of methods for a member function of a part.
template <class Part>
auto handler(Part& part,
             asio::awaitable<control::Reply> (Part::*method)(control::ClientId client, json params)) {
    return [&part, method](control::ClientId client, json params) {
        return (part.*method)(client, std::move(params));
    };
}

}  // namespace

Desk::Desk(const ProfileFolder& folder, net::EventLoops& control, AgentOptions options, SettingsWatch watch)
    : control_(control),
      announcer_(control, folder, announcer_hooks()),
      agent_(announcer_, std::move(options)),
      open_ports_(agent_, folder),
      settings_(announcer_, folder, agent_, std::move(watch), settings_hooks()),
      login_(announcer_, folder, login_hooks()),
      login_methods_(folder, login_),
      catalogue_(announcer_, folder, agent_, open_ports_, settings_, login_),
      ports_(announcer_, folder, agent_, open_ports_, settings_, login_, catalogue_),
      monitor_(announcer_, open_ports_, login_, catalogue_),
      handlers_(handlers()),
      last_needed_(std::chrono::steady_clock::now().time_since_epoch().count()) {}

Desk::~Desk() {
    login_methods_.join();
}

Announcer::Hooks Desk::announcer_hooks() {
    Announcer::Hooks hooks;
    hooks.complete = [this](const Event& event, json& told) {
        if (event.has_reason) {
            told["reason"] = login_.reason_word(event.told);
        }
        if (!event.told.connection_id.empty() && open_ports_.shows(event.service, login_.source())) {
            login_.identify(told);
        }
    };
    hooks.on_event = [this](const Event& event) {
        catalogue_.mark(event);
        monitor_.suspect(event);
    };
    return hooks;
}

SettingsMethods::Hooks Desk::settings_hooks() {
    SettingsMethods::Hooks hooks;
    hooks.on_set = [this] { catalogue_.publish_all(); };
    hooks.on_config = [this] { monitor_.end_pause(); };
    return hooks;
}

ProfileLogin::Hooks Desk::login_hooks() {
    ProfileLogin::Hooks hooks;
    hooks.on_change = [this](const LoginChange& change) {
        catalogue_.login_changed(change);
        ports_.login_changed(change);
        if (change.is_new()) {
            monitor_.end_pause();
        }
    };
    hooks.on_told = [this](const LoginChange& change) {
        if (change.is_new()) {
            login_.publish_trust();
            ports_.connect_at_start();
        }
        login_.publish();
        catalogue_.publish_all();
    };
    return hooks;
}

std::map<std::string, Desk::Handler, std::less<>> Desk::handlers() {
    return {
        {"hello", handler(*this, &Desk::hello)},
        {"state", handler(*this, &Desk::state)},
        {"subscribe", handler(*this, &Desk::subscribe)},
        {"trust.inspect", handler(login_methods_, &LoginMethods::trust_inspect)},
        {"trust.compare", handler(login_methods_, &LoginMethods::trust_compare)},
        {"trust.accept", handler(login_methods_, &LoginMethods::trust_accept)},
        {"login.methods", handler(login_methods_, &LoginMethods::methods)},
        {"login", handler(login_methods_, &LoginMethods::login)},
        {"logout", handler(login_methods_, &LoginMethods::logout)},
        {"services.refresh", handler(catalogue_, &ServiceCatalogue::services_refresh)},
        {"connect", handler(ports_, &PortMethods::connect)},
        {"disconnect", handler(ports_, &PortMethods::disconnect)},
        {"port.set", handler(ports_, &PortMethods::port_set)},
        {"settings.get", handler(settings_, &SettingsMethods::get)},
        {"settings.set", handler(settings_, &SettingsMethods::set)},
        {"events", handler(*this, &Desk::events)},
        {"shutdown", handler(*this, &Desk::shutdown)},
    };
}

void Desk::start(control::Server& server) {
    announcer_.use(server);
    agent_.start();
    net::spawn(control_.at(0), "desk", tick());
}

void Desk::on_loop(const std::function<void()>& work) {
    std::promise<void> done;
    asio::post(control_.at(0), [&] {
        work();
        done.set_value();
    });
    done.get_future().wait();
}

void Desk::stop() {
    on_loop([this] { announcer_.announce_stop(); });
    agent_.stop();
    // Clients that are not told would start another agent. Those that do not read are not waited for.
    const auto until = std::chrono::steady_clock::now() + kLastWords;
    for (bool has_unsent = true; has_unsent && std::chrono::steady_clock::now() < until;) {
        on_loop([&] { has_unsent = announcer_.server().has_unsent(); });
        if (has_unsent) {
            std::this_thread::sleep_for(std::chrono::milliseconds(5));
        }
    }
}

void Desk::move_to(const std::filesystem::path& folder, net::Listener listener) {
    on_loop([&] {
        agent_.move_sockets(folder);
        announcer_.server().serve(std::move(listener));
        announcer_.remark({}, fmt::format("the agent is found at {} from now on", folder.string()));
        catalogue_.publish_all();
    });
}

std::chrono::seconds Desk::idle_for() const {
    const std::chrono::steady_clock::duration now = std::chrono::steady_clock::now().time_since_epoch();
    return std::chrono::duration_cast<std::chrono::seconds>(
        now - std::chrono::steady_clock::duration(last_needed_));
}

bool Desk::is_busy() const {
    return login_methods_.is_busy() || login_.source()->is_busy();
}

Desk::Answering Desk::call(control::ClientId client, std::string method, json params) {
    const auto found = handlers_.find(method);
    if (found == handlers_.end()) {
        control::Reply unknown =
            control::Error{control::ErrorCode::unknown_method, "there is no such method", nullptr};
        co_return std::move(unknown);
    }
    // Whoever has just changed the settings counts on it that this request goes by them.
    settings_.watch();
    if (announcer_.is_stopping()) {
        const Refusal refusal{
            Code::shutting_down, "the agent is shutting down", "Try again in a moment.", {}};
        control::Reply stopping = control::error_of(refusal);
        co_return std::move(stopping);
    }
    auto handling = found->second(client, std::move(params));
    control::Reply reply = co_await std::move(handling);
    co_return std::move(reply);
}

void Desk::gone(control::ClientId client) {
    login_.no_longer_asks(client);
    if (!announcer_.is_stopping()) {
        ports_.release(client);
    }
}

Desk::Answering Desk::hello(control::ClientId client, json params) {
    const control::Parameters given(params);
    if (given.flag("asks_login", false)) {
        login_.asks(client);
    } else if (given.has("asks_login")) {
        login_.no_longer_asks(client);
    }
    json answer = {{"protocol", kProtocol}, {"version", version()}, {"pid", ::getpid()}};
    control::Reply reply = std::move(answer);
    co_return std::move(reply);
}

json Desk::state_json() const {
    json told = catalogue_.all_json();
    told["trust"] = login_.trust_json();
    told["login"] = login_.login_json();
    told["settings"] = settings_.values().to_json();
    told["attention"] = login_.attention_json();
    const auto ahead = ca_clock().ahead();
    told["uses"] = settings_.uses_json();
    told["clock_ahead_seconds"] = ahead ? json(ahead->count()) : json();
    return told;
}

Desk::Answering Desk::state(control::ClientId, json) {
    control::Reply reply = state_json();
    co_return std::move(reply);
}

Desk::Answering Desk::subscribe(control::ClientId client, json) {
    announcer_.server().subscribe(client);
    monitor_.ask_if_due();
    control::Reply reply = state_json();
    co_return std::move(reply);
}

Desk::Answering Desk::events(control::ClientId, json params) {
    const control::Parameters given(params);
    const std::string service = given.text("service", "");
    const auto limit = given.optional_number("limit", 1, kMostLimit).value_or(100);
    json answer = {
        {"events", announcer_.latest(service, std::min(static_cast<std::size_t>(limit), EventLog::kMost))}};
    control::Reply reply = std::move(answer);
    co_return std::move(reply);
}

Desk::Answering Desk::shutdown(control::ClientId, json) {
    // It is meant to end: what it had open stays closed.
    ports_.forget_kept();
    // Whoever runs the agent waits for it.
    ::kill(::getpid(), SIGTERM);
    control::Reply reply = json::object();
    co_return std::move(reply);
}

asio::awaitable<void> Desk::tick() {
    const auto executor = co_await asio::this_coro::executor;
    asio::steady_timer timer(executor);
    ports_.reopen_kept();
    ports_.connect_at_start();
    for (;;) {
        if (announcer_.server().clients() > 0 || !open_ports_.all().empty()) {
            last_needed_ = std::chrono::steady_clock::now().time_since_epoch().count();
        }
        catalogue_.publish_traffic();
        settings_.watch();
        login_.watch_clock();
        catalogue_.watch_squatters();
        login_.publish();
        monitor_.ask_if_due();
        timer.expires_after(std::chrono::seconds(1));
        co_await timer.async_wait(net::kAwait);
    }
}

}  // namespace postern::client

#include "client-proxy/agent/desk.hpp"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <future>
#include <thread>
#include <utility>

#include <boost/asio/post.hpp>
#include <spdlog/spdlog.h>

#include "base/log.hpp"
#include "base/process.hpp"
#include "client-proxy/agent/kept_ports.hpp"
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
using net::kAwait;
/// Events that are on their way to the control loop; more are dropped.
constexpr std::size_t kMostNotes = 4096;
/// Of questions to gateways that do not answer: with ports open somebody waits for it.
constexpr Pace::Bounds kRefreshPace{std::chrono::seconds(1), std::chrono::seconds(5)};
/// For what clients are told at the end.
constexpr auto kLastWords = std::chrono::seconds(1);

}  // namespace

Desk::Desk(ProfileFolder folder, net::EventLoops& control, AgentOptions options, SettingsWatch watch)
    : watch_(std::move(watch)),
      folder_(std::move(folder)),
      control_(control),
      agent_(*this, std::move(options)),
      ports_(agent_, folder_),
      settings_(AgentSettings::load(folder_)),
      event_file_(folder_),
      refresh_pace_(kRefreshPace),
      last_needed_(std::chrono::steady_clock::now().time_since_epoch().count()) {
    if (auto profile = folder_.load()) {
        profile_ = *std::move(profile);
    }
    LoginPtr login;
    auto loaded = Login::load(folder_);
    if (loaded) {
        login = *std::move(loaded);
    } else if (loaded.error().code != Code::unauthenticated) {
        damage_ = local_refusal(loaded.error());
    }
    login_ = login;
    logins_ = std::make_shared<RenewedLogin>(folder_, std::move(login), login_clock(), hooks());
}

Desk::~Desk() {
    blocking_pool_.join();
}

void Desk::start(control::Server& server) {
    server_ = &server;
    agent_.start();
    net::spawn(control_.at(0), "desk", tick());
}

void Desk::stop() {
    const auto on_loop = [this](const std::function<void()>& work) {
        std::promise<void> done;
        asio::post(control_.at(0), [&] {
            work();
            done.set_value();
        });
        done.get_future().wait();
    };
    on_loop([this] {
        publish("shutdown", json::object());
        is_stopping_ = true;
    });
    agent_.stop();
    // Clients that are not told would start another agent. Those that do not read are not waited for.
    const auto until = std::chrono::steady_clock::now() + kLastWords;
    for (bool has_unsent = true; has_unsent && std::chrono::steady_clock::now() < until;) {
        on_loop([&] { has_unsent = server_->has_unsent(); });
        if (has_unsent) {
            std::this_thread::sleep_for(std::chrono::milliseconds(5));
        }
    }
}

std::chrono::seconds Desk::idle_for() const {
    const std::chrono::steady_clock::duration now = std::chrono::steady_clock::now().time_since_epoch();
    return std::chrono::duration_cast<std::chrono::seconds>(
        now - std::chrono::steady_clock::duration(last_needed_));
}

bool Desk::is_busy() const {
    return blocking_under_way_ > 0 || logins_->is_busy();
}

const std::map<std::string, Desk::Handler, std::less<>>& Desk::handlers() {
    static const std::map<std::string, Handler, std::less<>> kHandlers{
        {"hello", &Desk::hello},
        {"state", &Desk::state},
        {"subscribe", &Desk::subscribe},
        {"trust.inspect", &Desk::trust_inspect},
        {"trust.compare", &Desk::trust_compare},
        {"trust.accept", &Desk::trust_accept},
        {"login.methods", &Desk::login_methods},
        {"login", &Desk::login},
        {"logout", &Desk::logout},
        {"services.refresh", &Desk::services_refresh},
        {"connect", &Desk::connect},
        {"disconnect", &Desk::disconnect},
        {"port.set", &Desk::port_set},
        {"settings.get", &Desk::settings_get},
        {"settings.set", &Desk::settings_set},
        {"events", &Desk::events},
        {"shutdown", &Desk::shutdown},
    };
    return kHandlers;
}

Desk::Answering Desk::call(control::ClientId client, std::string method, json params) {
    const auto found = handlers().find(method);
    if (found == handlers().end()) {
        control::Reply unknown =
            control::Error{control::ErrorCode::unknown_method, "there is no such method", nullptr};
        co_return std::move(unknown);
    }
    // Whoever has just changed them counts on it.
    watch_settings();
    if (is_stopping_) {
        const Refusal refusal{
            Code::shutting_down, "the agent is shutting down", "Try again in a moment.", {}};
        control::Reply stopping = control::error_of(refusal);
        co_return std::move(stopping);
    }
    auto handling = (this->*found->second)(client, std::move(params));
    control::Reply reply = co_await std::move(handling);
    co_return std::move(reply);
}

void Desk::gone(control::ClientId client) {
    no_longer_asks(client);
    if (is_stopping_) {
        return;
    }
    const Refusal why{Code::shutting_down,
                      "the command that held this port open has ended",
                      "Start it again: postern connect",
                      {}};
    closed(ports_.release(client, why), "the command that held it open has ended");
}

void Desk::no_longer_asks(control::ClientId client) {
    const bool was_asking = askers_.erase(client) > 0;
    askers_count_ = askers_.size();
    if (was_asking && askers_.empty()) {
        logins_->give_up_on_person();
    }
}

Desk::Answering Desk::hello(control::ClientId client, json params) {
    const control::Parameters given(params);
    if (given.flag("asks_login", false)) {
        askers_.insert(client);
        askers_count_ = askers_.size();
    } else if (given.has("asks_login")) {
        no_longer_asks(client);
    }
    json answer = {{"protocol", kProtocol}, {"version", version()}, {"pid", ::getpid()}};
    control::Reply reply = std::move(answer);
    co_return std::move(reply);
}

json Desk::state_json() const {
    json told = offers_json();
    told["trust"] = trust_json();
    told["login"] = login_json();
    told["settings"] = settings_.to_json();
    told["attention"] = attention_json();
    const auto ahead = ca_clock().ahead();
    told["uses"] = uses_json();
    told["clock_ahead_seconds"] = ahead ? json(ahead->count()) : json();
    return told;
}

Desk::Answering Desk::state(control::ClientId, json) {
    control::Reply reply = state_json();
    co_return std::move(reply);
}

Desk::Answering Desk::subscribe(control::ClientId client, json) {
    server_->subscribe(client);
    ask_gateways_if_due();
    control::Reply reply = state_json();
    co_return std::move(reply);
}

Desk::Answering Desk::settings_get(control::ClientId, json) {
    control::Reply reply = settings_.to_json();
    co_return std::move(reply);
}

Desk::Answering Desk::settings_set(control::ClientId, json params) {
    const AgentSettings before = settings_;
    auto done = settings_.take(params);
    if (done) {
        done = settings_.save(folder_);
    }
    if (!done) {
        settings_ = before;
        control::Reply bad =
            done.error().code == Code::malformed_request
                ? control::Error{control::ErrorCode::invalid_parameters, done.error().detail, nullptr}
                : control::error_of(local_refusal(done.error()));
        co_return std::move(bad);
    }
    publish("settings", settings_.to_json());
    publish("services", offers_json());
    control::Reply reply = settings_.to_json();
    co_return std::move(reply);
}

Desk::Answering Desk::events(control::ClientId, json params) {
    const control::Parameters given(params);
    const std::string service = given.text("service", "");
    const auto limit = given.optional_number("limit", 1, kMostLimit).value_or(100);
    json answer = {
        {"events", log_.latest(service, std::min(static_cast<std::size_t>(limit), EventLog::kMost))}};
    control::Reply reply = std::move(answer);
    co_return std::move(reply);
}

Desk::Answering Desk::shutdown(control::ClientId, json) {
    // It is meant to end: what it had open stays closed.
    if (!agent_.options().socket_folder.empty()) {
        [[maybe_unused]] const auto ignored = save_kept_ports(kept_file(), {});
    }
    // Whoever runs the agent waits for it.
    ::kill(::getpid(), SIGTERM);
    control::Reply reply = json::object();
    co_return std::move(reply);
}

void Desk::publish(std::string_view method, const json& params) {
    server_->publish(method, params);
}

void Desk::note(Event event) {
    if (notes_under_way_.fetch_add(1) >= kMostNotes) {
        --notes_under_way_;
        return;
    }
    asio::post(control_.at(0), [this, event = std::move(event)] {
        --notes_under_way_;
        note_here(event);
    });
}

// By which the gateway's record and the CA's are found.
bool Desk::is_of_this_login(const Event& event) const {
    const auto& ports = ports_.all();
    return login_ && profile_ && !event.told.connection_id.empty() &&
           std::any_of(ports.begin(), ports.end(), [&](const HeldPort& held) {
               return held.port->service == event.service && held.port->logins == logins_;
           });
}

void Desk::note_here(const Event& event) {
    json told = to_json(event, system_clock()());
    if (event.has_reason) {
        told["reason"] = reason_word(event.told);
    }
    if (is_of_this_login(event)) {
        told["session"] = profile_->session_id;
        told["serial"] = login_->certificate().serial();
    }
    publish("event", told);
    log_.add(told);
    if (auto kept = event_file_.add(told); !kept) {
        spdlog::warn("event=events.unsaved error={}", postern::quoted(kept.error().detail));
    }
    mark(event);
    suspect(event);
}

asio::awaitable<void> Desk::tick() {
    const auto executor = co_await asio::this_coro::executor;
    asio::steady_timer timer(executor);
    reopen_kept_ports();
    connect_at_start();
    for (;;) {
        if (server_->clients() > 0 || !ports_.all().empty()) {
            last_needed_ = std::chrono::steady_clock::now().time_since_epoch().count();
        }
        publish_traffic();
        watch_settings();
        watch_clock();
        watch_squatters();
        publish_login();
        ask_gateways_if_due();
        timer.expires_after(std::chrono::seconds(1));
        co_await timer.async_wait(kAwait);
    }
}

}  // namespace postern::client

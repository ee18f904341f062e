// The part of the desk that is about services and their local ports.
#include <algorithm>
#include <set>
#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "base/log.hpp"
#include "base/spelling.hpp"
#include "client-proxy/agent/connection_lines.hpp"
#include "client-proxy/agent/desk.hpp"
#include "client-proxy/agent/kept_ports.hpp"
#include "client-proxy/login/login_choice.hpp"
#include "client-proxy/login/login_key.hpp"
#include "pki/identity.hpp"

namespace postern::client {

namespace asio = boost::asio;
using nlohmann::json;

namespace {

constexpr auto kListPatience = std::chrono::seconds(3);

control::Reply refused_port(const Refusal& refusal) {
    return control::refusal_reply(refusal, refusal.code == Code::unauthenticated  ? "login_required"
                                           : refusal.code == Code::already_exists ? "port_in_use"
                                                                                  : "");
}

Outcome<Mode> mode_in(const json& params) {
    const std::string text = params.value("mode", std::string("end_to_end"));
    for (const Mode mode : {Mode::end_to_end, Mode::passthrough}) {
        if (name(mode) == text) {
            return mode;
        }
    }
    return Refusal{Code::malformed_request,
                   fmt::format("'{}' is no mode", text),
                   "It is end_to_end or passthrough.",
                   {}};
}

LoginChoice credentials_in(const json& params) {
    LoginChoice choice;
    const auto found = params.find("credentials");
    if (found == params.end() || found->is_null()) {
        return choice;
    }
    choice.certificate = found->value("certificate_file", std::string());
    choice.key = found->value("key_file", std::string());
    choice.server_ca = found->value("server_ca_file", std::string());
    choice.trust_domain = found->value("trust_domain", std::string());
    choice.gateways = found->value("gateways", std::vector<std::string>());
    return choice;
}

// A local client's own mistake says nothing of the service.
bool is_about_service(const Refusal& refusal) {
    switch (refusal.code) {
        case Code::login_name_mismatch:
        case Code::malformed_request:
        case Code::not_tls:
        case Code::shutting_down:
            return false;
        case Code::timed_out:
        case Code::policy_denied:
            return !refusal.connection_id.empty();
        default:
            return true;
    }
}

}  // namespace

const OfferedService* Desk::offer_of(std::string_view service) const {
    const auto found = std::find_if(offers_.begin(), offers_.end(),
                                    [&](const OfferedService& offer) { return offer.name == service; });
    return found != offers_.end() ? &*found : nullptr;
}

asio::awaitable<Outcome<void>> Desk::refresh(std::shared_ptr<LoginSource> logins) {
    auto login = co_await logins->current(kListPatience);
    if (!login) {
        co_return login.error();
    }
    LoginPtr shown = *std::move(login);
    auto offered = co_await fetch_services(std::move(shown), kListPatience);
    if (!offered) {
        co_return offered.error();
    }
    if (logins == logins_) {
        const json before = services_json();
        offers_ = *std::move(offered);
        has_offers_ = true;
        for (const auto& held : ports_.all()) {
            if (const auto* offer = offer_of(held.port->service)) {
                held.port->is_postgres = offer->protocol == "postgres";
            }
        }
        json after = services_json();
        if (after != before) {
            json params = {{"services", std::move(after)}};
            publish("services", params);
        }
    }
    co_return Outcome<void>();
}

Desk::Answering Desk::services_refresh(control::ClientId, json) {
    if (!login_) {
        control::Reply bad = refused_port(no_login());
        co_return std::move(bad);
    }
    auto refreshing = refresh(logins_);
    const auto done = co_await std::move(refreshing);
    if (!done) {
        control::Reply bad = control::refusal_reply(done.error());
        co_return std::move(bad);
    }
    json answer = {{"services", services_json()}};
    control::Reply reply = std::move(answer);
    co_return std::move(reply);
}

// What the client wants, held against what the gateways say: ports open all the same when they do not answer
// now.
asio::awaitable<Outcome<PortWish>> Desk::judge_wish(control::ClientId client, json params) {
    PortWish wish;
    wish.order.service = params.at("service").get<std::string>();
    if (!pki::is_resource_name(wish.order.service)) {
        Refusal bad{Code::config_invalid,
                    fmt::format("'{}' is no service's name", wish.order.service),
                    "See what there is: postern services",
                    {}};
        co_return std::move(bad);
    }
    auto mode = mode_in(params);
    if (!mode) {
        co_return mode.error();
    }
    wish.order.mode = *mode;
    wish.order.admits_other_users = params.value("unsafe_any_local_user", false);
    if (params.contains("port") && !params["port"].is_null()) {
        const auto port = params["port"].get<std::int64_t>();
        if (port < 0 || port > 65535) {
            Refusal bad{Code::config_invalid, "a port is a number up to 65535", {}, {}};
            co_return std::move(bad);
        }
        wish.number = static_cast<unsigned short>(port);
    }
    if (params.contains("warm") && !params["warm"].is_null()) {
        const auto warm = params["warm"].get<std::int64_t>();
        if (warm < 0 || warm > 256) {
            Refusal bad{Code::config_invalid, "warm is a number up to 256", {}, {}};
            co_return std::move(bad);
        }
        wish.order.warm = static_cast<std::size_t>(warm);
    }
    wish.holder = params.value("hold", false) ? client : 0;
    wish.order.logins = logins_;
    const LoginChoice choice = credentials_in(params);
    if (choice.has_files()) {
        auto fixed = open_login(choice, folder_);
        if (!fixed) {
            co_return fixed.error();
        }
        wish.order.logins = *std::move(fixed);
    } else if (!login_) {
        co_return no_login();
    }

    std::vector<OfferedService> offered = offers_;
    bool is_known = has_offers_ && offer_of(wish.order.service) != nullptr;
    const bool is_profiles = wish.order.logins == logins_;
    if (wish.order.mode == Mode::passthrough && is_profiles && login_ && !has_key_file(folder_)) {
        remark(wish.order.service,
               "the login's key is in no file: passed-through programs that want a key file for TLS of their "
               "own have none");
    }
    // For one program, which says itself what it gets, that is not worth a round trip each time.
    const bool is_for_one = wish.number && *wish.number == 0;
    const bool is_stale = choice.has_files() || !is_known;
    if (is_for_one ? !choice.has_files() && !has_offers_ : is_stale) {
        const auto login = co_await wish.order.logins->current(kListPatience);
        Outcome<std::vector<OfferedService>> asked = Refusal();
        if (login) {
            LoginPtr shown = *login;
            asked = co_await fetch_services(std::move(shown), kListPatience);
        } else {
            asked = login.error();
        }
        is_known = asked.has_value();
        if (asked) {
            offered = *asked;
            if (!choice.has_files()) {
                offers_ = *std::move(asked);
                has_offers_ = true;
            }
        } else {
            remark(wish.order.service, fmt::format("for now, {}", asked.error().message));
        }
    }
    const auto offer = std::find_if(offered.begin(), offered.end(), [&](const OfferedService& one) {
        return one.name == wish.order.service;
    });
    if (offer != offered.end()) {
        wish.order.is_postgres = offer->protocol == "postgres";
        if (!wish.order.is_postgres && wish.order.mode == Mode::end_to_end) {
            if (!params.contains("mode")) {
                wish.order.mode = Mode::passthrough;
            } else {
                Refusal bad{Code::config_invalid,
                            fmt::format("{} is not PostgreSQL", wish.order.service),
                            fmt::format("Let its bytes through untouched: postern connect --passthrough {}",
                                        wish.order.service),
                            {}};
                co_return std::move(bad);
            }
        }
    } else if (is_known) {
        wish.is_known = false;
        std::vector<std::string> names;
        for (const auto& one : offered) {
            names.push_back(one.name);
        }
        const std::string near = nearest_word(wish.order.service, names);
        remark(wish.order.service,
               fmt::format("no gateway offers {} to you now{}; connections will say why", wish.order.service,
                           near.empty() ? "" : fmt::format(" (did you mean {}?)", near)));
    }
    co_return std::move(wish);
}

Outcome<LocalPortPtr> Desk::open_port(PortWish wish) {
    const std::string service = wish.order.service;
    const bool was_open = ports_.of(service) != nullptr;
    std::string told;
    auto opened = ports_.open(std::move(wish), told);
    if (!told.empty()) {
        remark(service, std::move(told));
    }
    Mark& mark = marks_[service];
    if (!opened) {
        if (!was_open) {
            const bool is_taken = opened.error().code == Code::already_exists;
            mark = Mark{opened.error(), is_taken ? "port_in_use" : reason_of(opened.error())};
        }
    } else {
        mark = Mark();
        if (!was_open) {
            Event event;
            event.kind = EventKind::connected;
            event.service = service;
            event.told.message = fmt::format("{} is at localhost:{}", service, (*opened)->number);
            note_here(event);
        }
        write_kept_ports();
    }
    publish_service(service);
    return opened;
}

std::filesystem::path Desk::kept_file() const {
    return agent_.options().socket_folder / "kept-ports.json";
}

// Certificate files that somebody else looks after are not written down: where they are is the command's to
// say.
void Desk::write_kept_ports() const {
    if (agent_.options().socket_folder.empty()) {
        return;
    }
    std::vector<KeptPort> kept;
    for (const auto& held : ports_.all()) {
        if (held.is_kept && held.is_remembered && held.port->logins == logins_) {
            kept.push_back({held.port->service, held.port->mode, held.port->is_postgres, held.port->number,
                            held.port->admits_other_users});
        }
    }
    if (auto saved = save_kept_ports(kept_file(), kept); !saved) {
        spdlog::warn("event=kept_ports.unsaved error={}", postern::quoted(saved.error().detail));
    }
}

void Desk::reopen_kept_ports() {
    if (agent_.options().socket_folder.empty()) {
        return;
    }
    for (const auto& kept : load_kept_ports(kept_file())) {
        PortWish wish;
        wish.order.service = kept.service;
        wish.order.mode = kept.mode;
        wish.order.is_postgres = kept.is_postgres;
        wish.order.logins = logins_;
        wish.order.admits_other_users = kept.admits_other_users;
        wish.number = kept.number;
        if (const auto opened = open_port(std::move(wish)); !opened) {
            EventSink::refused(kept.service, opened.error());
        }
    }
}

// The person's own word goes before the gateway's.
std::string Desk::database_of(const std::string& service) const {
    const std::string remembered = settings_.database(service);
    const OfferedService* const offer = offer_of(service);
    return remembered.empty() && offer != nullptr ? offer->database : remembered;
}

Outcome<void> Desk::remember_database(const std::string& service, const std::string& database) {
    if (database.empty() || settings_.database(service) == database) {
        return {};
    }
    AgentSettings changed = settings_;
    json databases = changed.databases;
    databases[service] = database;
    if (auto taken = changed.take({{"databases", databases}}); !taken) {
        return Refusal{Code::config_invalid, fmt::format("'{}' is no database's name", database), {}, {}};
    }
    if (auto saved = changed.save(folder_); !saved) {
        return local_refusal(saved.error());
    }
    settings_ = std::move(changed);
    publish("settings", settings_.to_json());
    return {};
}

Desk::Answering Desk::connect(control::ClientId client, json params) {
    const std::string service = params.at("service").get<std::string>();
    const std::string database = params.value("database", std::string());
    connecting_.insert(service);
    publish_service(service);
    Outcome<PortWish> wish = Refusal{Code::malformed_request, "a parameter is of the wrong type", {}, {}};
    try {
        auto judging = judge_wish(client, std::move(params));
        wish = co_await std::move(judging);
    } catch (const json::exception&) {
        // told below
    }
    connecting_.erase(connecting_.find(service));
    if (!wish) {
        publish_service(service);
        control::Reply bad = refused_port(wish.error());
        co_return std::move(bad);
    }
    if (is_stopping_) {
        const Refusal stopping{Code::shutting_down, "the agent is shutting down", "Try again.", {}};
        control::Reply bad = control::refusal_reply(stopping);
        co_return std::move(bad);
    }
    if (auto kept = remember_database(service, database); !kept) {
        control::Reply bad = control::refusal_reply(kept.error());
        co_return std::move(bad);
    }
    const auto opened = open_port(*std::move(wish));
    if (!opened) {
        control::Reply bad = refused_port(opened.error());
        co_return std::move(bad);
    }
    json answer = service_json(service);
    for (const auto& held : ports_.all()) {
        if (held.port == *opened) {
            answer["opened"] = port_json(held);
        }
    }
    control::Reply reply = std::move(answer);
    co_return std::move(reply);
}

Desk::Answering Desk::disconnect(control::ClientId, json params) {
    const std::string service = params.at("service").get<std::string>();
    const auto number = params.value("port", 0U);
    const Refusal why{Code::cancelled,
                      fmt::format("the port of {} was closed", service),
                      fmt::format("Open it again: postern connect {}", service),
                      {}};
    const auto ports = ports_.close(service, static_cast<unsigned short>(number), why);
    closed(ports, "it was closed");
    json answer = service_json(service);
    answer["closed"] = ports.size();
    control::Reply reply = std::move(answer);
    co_return std::move(reply);
}

Desk::Answering Desk::port_set(control::ClientId, json params) {
    const std::string service = params.at("service").get<std::string>();
    const auto number = params.at("port").get<std::int64_t>();
    const auto mode = mode_in(params);
    if (!pki::is_resource_name(service) || !mode || number < 1 || number > 65535) {
        control::Reply bad =
            control::Error{control::ErrorCode::invalid_parameters,
                           "a service, a port from 1 to 65535 and a mode are needed", nullptr};
        co_return std::move(bad);
    }
    const auto port = static_cast<unsigned short>(number);
    const HeldPort* const open = ports_.of(service);
    if (open != nullptr && open->port->mode == *mode && open->port->number != port) {
        // The new one first: when it cannot be had, the old one stays.
        PortWish wish;
        wish.order.service = service;
        wish.order.mode = *mode;
        wish.order.is_postgres = open->port->is_postgres;
        wish.order.logins = open->port->logins;
        wish.order.admits_other_users = open->port->admits_other_users;
        wish.number = port;
        const unsigned short before = open->port->number;
        const auto moved = open_port(std::move(wish));
        if (!moved) {
            control::Reply bad = refused_port(moved.error());
            co_return std::move(bad);
        }
        const Refusal why{
            Code::cancelled, fmt::format("{} has moved to port {}", service, port), "Connect there.", {}};
        closed(ports_.close(service, before, why), fmt::format("it moved to port {}", port));
    }
    const auto remembered = ports_.remember(service, *mode, port);
    if (!remembered) {
        control::Reply bad = refused_port(remembered.error());
        co_return std::move(bad);
    }
    publish_service(service);
    control::Reply reply = service_json(service);
    co_return std::move(reply);
}

void Desk::connect_at_start() {
    if (!login_) {
        return;
    }
    for (const auto& service : settings_.connect_at_start) {
        if (ports_.of(service) == nullptr) {
            PortWish wish;
            wish.order.service = service;
            wish.order.logins = logins_;
            const auto* offer = offer_of(service);
            wish.order.is_postgres = offer == nullptr || offer->protocol == "postgres";
            wish.order.mode = wish.order.is_postgres ? Mode::end_to_end : Mode::passthrough;
            if (const auto opened = open_port(std::move(wish)); !opened) {
                EventSink::refused(service, opened.error());
            }
        }
    }
}

void Desk::closed(const std::vector<LocalPortPtr>& ports, const std::string& why) {
    write_kept_ports();
    for (const auto& port : ports) {
        Event event;
        event.kind = EventKind::disconnected;
        event.service = port->service;
        event.told.message = fmt::format("localhost:{} is closed: {}", port->number, why);
        note_here(event);
        if (ports_.of(port->service) == nullptr) {
            marks_.erase(port->service);
            told_traffic_.erase(port->service);
        }
        publish_service(port->service);
    }
}

void Desk::mark(const Event& event) {
    if (event.service.empty()) {
        return;
    }
    const auto found = marks_.find(event.service);
    if (found == marks_.end()) {
        return;
    }
    auto& [error, reason] = found->second;
    if (event.kind == EventKind::accepted && error) {
        error.reset();
        publish_service(event.service);
    } else if ((event.kind == EventKind::refused || event.kind == EventKind::cut) && event.has_reason &&
               is_about_service(event.told) && (!error || error->message != event.told.message)) {
        error = event.told;
        reason = reason_of(event.told);
        publish_service(event.service);
    }
}

void Desk::publish_service(const std::string& service) {
    publish("service", service_json(service));
}

void Desk::publish_traffic() {
    auto moved = json::array();
    std::set<std::string, std::less<>> done;
    for (const auto& held : ports_.all()) {
        const std::string& service = held.port->service;
        if (!done.insert(service).second) {
            continue;
        }
        Traffic sum;
        for (const auto& one : ports_.all()) {
            if (one.port->service == service) {
                const Traffic traffic = agent_.traffic(*one.port);
                sum.connections += traffic.connections;
                sum.bytes_in += traffic.bytes_in;
                sum.bytes_out += traffic.bytes_out;
            }
        }
        if (told_traffic_[service] != sum) {
            told_traffic_[service] = sum;
            moved.push_back({{"name", service},
                             {"connections", sum.connections},
                             {"bytes_in", sum.bytes_in},
                             {"bytes_out", sum.bytes_out}});
        }
    }
    if (!moved.empty()) {
        json params = {{"services", std::move(moved)}};
        publish("traffic", params);
    }
}

std::vector<std::string> Desk::service_names() const {
    std::set<std::string> names;
    for (const auto& offer : offers_) {
        names.insert(offer.name);
    }
    for (const auto& held : ports_.all()) {
        names.insert(held.port->service);
    }
    for (const auto& service : ports_.remembered_services()) {
        names.insert(service);
    }
    return {names.begin(), names.end()};
}

json Desk::lines_at(const std::string& service, Mode mode, unsigned short port, const std::string& user,
                    const std::string& socket) const {
    return connection_lines({service, mode, port, user, folder_.login_certificate().string(),
                             folder_.login_key().string(), folder_.server_ca().string(), database_of(service),
                             socket});
}

json Desk::port_json(const HeldPort& held) const {
    const LoginPtr login = held.port->logins->latest();
    return {{"mode", name(held.port->mode)},
            {"port", held.port->number},
            {"kept", held.is_kept},
            {"socket", held.port->socket_folder.empty() ? json() : json(held.port->socket_folder)},
            {"user", login ? login->user() : std::string()},
            {"database", database_of(held.port->service)},
            {"commands", login && held.port->is_postgres
                             ? lines_at(held.port->service, held.port->mode, held.port->number, login->user(),
                                        held.port->socket_folder)
                             : json()},
            {"user_map", login && login->catalogue().service(held.port->service).user_map}};
}

json Desk::service_json(const std::string& service) const {
    const OfferedService* const offer = offer_of(service);
    const HeldPort* const open = ports_.of(service);
    const auto marked = marks_.find(service);
    const Mark mark = marked != marks_.end() ? marked->second : Mark();
    bool is_postgres = offer == nullptr || offer->protocol == "postgres";
    if (offer == nullptr && open != nullptr) {
        is_postgres = open->port->is_postgres;
    }
    Mode mode = is_postgres ? Mode::end_to_end : Mode::passthrough;
    if (open != nullptr) {
        mode = open->port->mode;
    }
    const unsigned short port = open != nullptr ? open->port->number : ports_.remembered(service, mode);
    std::string state = open != nullptr ? "connected" : "disconnected";
    if (mark.error) {
        state = "error";
    }
    if (open == nullptr && connecting_.count(service) > 0) {
        state = "connecting";
    }
    json told = {{"name", service},
                 {"description", offer != nullptr ? offer->description : std::string()},
                 {"protocol", is_postgres ? "postgres" : "tcp"},
                 {"modes", is_postgres ? json{"end_to_end", "passthrough"} : json{"passthrough"}},
                 {"mode", name(mode)},
                 {"gateway", offer != nullptr ? offer->gateway : std::string()},
                 {"state", state},
                 {"allowed", offer != nullptr || !has_offers_},
                 {"port", nullptr},
                 {"socket", nullptr},
                 {"connections", 0},
                 {"bytes_in", 0},
                 {"bytes_out", 0},
                 {"error", nullptr},
                 {"commands", nullptr},
                 {"connect_at_start", settings_.connect_at_start.count(service) > 0},
                 {"favourite", settings_.favourites.count(service) > 0},
                 {"user_map", login_ && login_->catalogue().service(service).user_map},
                 {"ports", json::array()}};
    if (port != 0) {
        told["port"] = port;
    }
    if (open != nullptr && !open->port->socket_folder.empty()) {
        told["socket"] = open->port->socket_folder;
    }
    if (mark.error) {
        told["error"] = {{"reason", mark.reason},
                         {"message", mark.error->message},
                         {"hint", mark.error->hint},
                         {"connection_id", mark.error->connection_id}};
    }
    Traffic sum;
    for (const auto& held : ports_.all()) {
        if (held.port->service == service) {
            const Traffic traffic = agent_.traffic(*held.port);
            sum.connections += traffic.connections;
            sum.bytes_in += traffic.bytes_in;
            sum.bytes_out += traffic.bytes_out;
            told["ports"].push_back(port_json(held));
        }
    }
    told["connections"] = sum.connections;
    told["bytes_in"] = sum.bytes_in;
    told["bytes_out"] = sum.bytes_out;
    const LoginPtr shown = open != nullptr ? open->port->logins->latest() : login_;
    if (is_postgres && port != 0 && shown) {
        told["commands"] =
            lines_at(service, mode, port, shown->user(), open != nullptr ? open->port->socket_folder : "");
    }
    return told;
}

json Desk::services_json() const {
    auto list = json::array();
    for (const auto& service : service_names()) {
        list.push_back(service_json(service));
    }
    return list;
}

}  // namespace postern::client

// The part of the desk that knows which services there are, and tells of them and their ports.
#include <algorithm>
#include <optional>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "client-proxy/agent/connection_lines.hpp"
#include "client-proxy/agent/desk.hpp"
#include "client-proxy/agent/service_way.hpp"
#include "client-proxy/agent/squatter.hpp"
#include "pki/identity.hpp"

namespace postern::client {

namespace asio = boost::asio;
using nlohmann::json;

namespace {

constexpr auto kListTimeout = std::chrono::seconds(3);
/// Between two looks at who has the ports of services that are not open.
constexpr auto kSquatterLook = std::chrono::seconds(5);

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

json Desk::error_json(const Refusal& refusal, const std::string& reason) {
    return {{"reason", reason},
            {"message", refusal.message},
            {"hint", refusal.hint},
            {"connection_id", refusal.connection_id}};
}

const OfferedService* Desk::offer_of(std::string_view service) const {
    const auto found = std::find_if(offers_.begin(), offers_.end(),
                                    [&](const OfferedService& offer) { return offer.name == service; });
    return found != offers_.end() ? &*found : nullptr;
}

asio::awaitable<Outcome<std::vector<OfferedService>>> Desk::ask_gateways(
    std::shared_ptr<LoginSource> logins) const {
    auto login = co_await logins->current(kListTimeout, WaitsFor::renewal);
    if (!login) {
        co_return login.error();
    }
    LoginPtr shown = *std::move(login);
    co_return co_await fetch_services(std::move(shown), kListTimeout);
}

void Desk::take_offers(const Outcome<std::vector<OfferedService>>& offered) {
    if (!offered) {
        offers_failure_ = offered.error();
        return;
    }
    offers_ = *offered;
    has_offers_ = true;
    offers_failure_.reset();
    for (const auto& held : ports_.all()) {
        const auto* const offer = offer_of(held.port->service);
        if (offer != nullptr && held.port->mode == Mode::passthrough &&
            catalogue_of(*held.port->logins)->find(held.port->service) == nullptr) {
            held.port->is_postgres = offer->protocol == "postgres";
        }
    }
    tell_contradictions();
}

// What is open end to end stays so; whoever has it open is told once.
void Desk::tell_contradictions() {
    for (const auto& held : ports_.all()) {
        if (held.port->mode != Mode::end_to_end) {
            continue;
        }
        const std::string& service = held.port->service;
        auto found = contradiction(*catalogue_of(*held.port->logins), service, offers_);
        if (!found) {
            told_contradictions_.erase(service);
        } else if (told_contradictions_.insert(service).second) {
            found->hint = "Its port stays open, end to end. Tell the administrator: gateway.toml or the CA's "
                          "ca.toml is wrong, or somebody has broken into the gateway.";
            note_here({EventKind::remark, service, *found, true, {}, 0});
        }
    }
}

asio::awaitable<Outcome<void>> Desk::refresh(std::shared_ptr<LoginSource> logins) {
    auto asking = ask_gateways(logins);
    auto offered = co_await std::move(asking);
    if (logins == logins_) {
        const json before = offers_json();
        take_offers(offered);
        const json after = offers_json();
        if (after != before) {
            publish("services", after);
        }
    }
    if (!offered) {
        if (logins == logins_) {
            doubt_login_for(offered.error().code);
        }
        co_return offered.error();
    }
    co_return Outcome<void>();
}

Desk::Answering Desk::services_refresh(control::ClientId, json) {
    if (!login_) {
        control::Reply bad = refused(no_login());
        co_return std::move(bad);
    }
    auto refreshing = refresh(logins_);
    const auto done = co_await std::move(refreshing);
    if (!done) {
        control::Reply bad = control::refusal_reply(done.error());
        co_return std::move(bad);
    }
    control::Reply reply = offers_json();
    co_return std::move(reply);
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
        return bad_database_name(database);
    }
    if (auto saved = changed.save(folder_); !saved) {
        return local_refusal(saved.error());
    }
    settings_ = std::move(changed);
    publish("settings", settings_.to_json());
    return {};
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
        reason = reason_word(event.told);
        publish_service(event.service);
    }
}

// Told once when somebody comes, and shown as long as they are there.
void Desk::watch_squatters() {
    const auto now = std::chrono::steady_clock::now();
    if (now < next_squatters_) {
        return;
    }
    next_squatters_ = now + kSquatterLook;
    for (const auto& service : ports_.remembered_services()) {
        const bool is_open = ports_.of(service) != nullptr;
        std::optional<Refusal> found;
        for (const Mode mode : {Mode::end_to_end, Mode::passthrough}) {
            const unsigned short port = is_open ? 0 : ports_.remembered(service, mode);
            if (port != 0 && !found) {
                found = squatter_on(service, port);
            }
        }
        const auto known = squatters_.find(service);
        if (found && known == squatters_.end()) {
            squatters_.emplace(service, *found);
            note_here({EventKind::remark, service, *found, true, {}, 0});
            publish_service(service);
        } else if (!found && known != squatters_.end()) {
            squatters_.erase(known);
            publish_service(service);
        }
    }
}

void Desk::publish_service(const std::string& service) {
    publish("service", service_json(service));
}

Traffic Desk::traffic_of(const std::string& service) const {
    Traffic sum;
    for (const auto& held : ports_.all()) {
        if (held.port->service == service) {
            const Traffic traffic = agent_.traffic(*held.port);
            sum.connections += traffic.connections;
            sum.bytes_in += traffic.bytes_in;
            sum.bytes_out += traffic.bytes_out;
        }
    }
    return sum;
}

void Desk::publish_traffic() {
    auto moved = json::array();
    std::set<std::string, std::less<>> done;
    for (const auto& held : ports_.all()) {
        const std::string& service = held.port->service;
        if (!done.insert(service).second) {
            continue;
        }
        const Traffic sum = traffic_of(service);
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

json Desk::lines_at(const std::string& service, Mode mode, unsigned short port, const Login& login,
                    const std::string& socket) const {
    const std::string elsewhere = login.catalogue().service(service).server_name;
    return connection_lines(
        {service, mode, port, login.user(), folder_.login_certificate().string(),
         folder_.login_key().string(), folder_.server_ca().string(), database_of(service), socket,
         elsewhere.empty() ? pki::service_host(login.trust_domain(), service) : elsewhere});
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
                             ? lines_at(held.port->service, held.port->mode, held.port->number, *login,
                                        held.port->socket_folder)
                             : json()},
            {"user_map", login && login->catalogue().service(held.port->service).user_map}};
}

json Desk::service_json(const std::string& service) const {
    const OfferedService* const offer = offer_of(service);
    const HeldPort* const open = ports_.of(service);
    const auto marked = marks_.find(service);
    Mark mark = marked != marks_.end() ? marked->second : Mark();
    const auto squatter = squatters_.find(service);
    const bool is_squatted = open == nullptr && squatter != squatters_.end();
    if (is_squatted) {
        mark = Mark{squatter->second, "port_in_use"};
    }
    const LoginSource& logins = open != nullptr ? *open->port->logins : *logins_;
    const auto known = catalogue_of(logins);
    const Catalogue& catalogue = *known;
    const ServiceEntry* const entry = catalogue.find(service);
    const bool is_listed = entry != nullptr || !catalogue.is_complete;
    bool is_postgres = entry == nullptr || entry->is_postgres;
    if (!is_listed && offer != nullptr) {
        is_postgres = offer->protocol == "postgres";
    } else if (!is_listed && open != nullptr) {
        is_postgres = open->port->is_postgres;
    }
    const bool has_end_to_end = is_listed && is_postgres;
    Mode mode = has_end_to_end ? catalogue.service(service).mode : Mode::passthrough;
    if (open != nullptr) {
        mode = open->port->mode;
    }
    const auto contradicted = contradiction(catalogue, service, offers_);
    const unsigned short port = open != nullptr ? open->port->number : ports_.remembered(service, mode);
    std::string state = open != nullptr ? "connected" : "disconnected";
    const bool is_refused = contradicted && open == nullptr;
    if (mark.error || is_refused) {
        state = "error";
    }
    if (open == nullptr && connecting_.count(service) > 0) {
        state = "connecting";
    }
    json told = {{"name", service},
                 {"description", offer != nullptr ? offer->description : std::string()},
                 {"protocol", is_postgres ? "postgres" : "tcp"},
                 {"modes", has_end_to_end ? json{"end_to_end", "passthrough"} : json{"passthrough"}},
                 {"listed", is_listed},
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
                 {"user_map", login_ && catalogue.service(service).user_map},
                 {"ports", json::array()}};
    if (port != 0) {
        told["port"] = port;
    }
    if (open != nullptr && !open->port->socket_folder.empty()) {
        told["socket"] = open->port->socket_folder;
    }
    if (mark.error) {
        told["error"] = error_json(*mark.error, mark.reason);
    } else if (is_refused) {
        told["error"] = error_json(*contradicted, std::string(contradicted->reason));
    }
    for (const auto& held : ports_.all()) {
        if (held.port->service == service) {
            told["ports"].push_back(port_json(held));
        }
    }
    const Traffic sum = traffic_of(service);
    told["connections"] = sum.connections;
    told["bytes_in"] = sum.bytes_in;
    told["bytes_out"] = sum.bytes_out;
    const LoginPtr shown = open != nullptr ? open->port->logins->latest() : login_;
    // Lines that lead to somebody else are not to be pasted.
    if (is_postgres && port != 0 && shown && !is_squatted) {
        told["commands"] =
            lines_at(service, mode, port, *shown, open != nullptr ? open->port->socket_folder : "");
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

// The list, and whether it is a gateway's word yet.
json Desk::offers_json() const {
    json told = {{"services", services_json()}, {"services_known", has_offers_}, {"services_error", nullptr}};
    if (!has_offers_ && offers_failure_) {
        told["services_error"] = error_json(*offers_failure_, reason_word(*offers_failure_));
    }
    return told;
}

}  // namespace postern::client

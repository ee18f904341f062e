#include "client-proxy/agent/service_catalogue.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include "client-proxy/agent/connection_lines.hpp"
#include "client-proxy/agent/refusal_words.hpp"
#include "client-proxy/agent/service_way.hpp"
#include "pki/identity.hpp"

namespace postern::client {

namespace asio = boost::asio;
using nlohmann::json;

namespace {

constexpr auto kListTimeout = std::chrono::seconds(3);

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

ServiceCatalogue::ServiceCatalogue(Announcer& announcer, ProfileFolder folder, const Agent& agent,
                                   const OpenPorts& ports, const SettingsMethods& settings,
                                   ProfileLogin& login)
    : announcer_(announcer),
      folder_(std::move(folder)),
      agent_(agent),
      ports_(ports),
      settings_(settings),
      login_(login),
      squatters_(announcer, ports) {}

const OfferedService* ServiceCatalogue::offer_of(std::string_view service) const {
    const auto found = std::find_if(offers_.begin(), offers_.end(),
                                    [&](const OfferedService& offer) { return offer.name == service; });
    return found != offers_.end() ? &*found : nullptr;
}

asio::awaitable<Outcome<ServiceCatalogue::Offers>> ServiceCatalogue::ask_gateways(
    std::shared_ptr<LoginSource> logins) {
    auto login = co_await logins->current(kListTimeout, WaitsFor::renewal);
    if (!login) {
        co_return login.error();
    }
    LoginPtr shown = *std::move(login);
    co_return co_await fetch_services(std::move(shown), kListTimeout);
}

void ServiceCatalogue::take(Offers offers) {
    offers_ = std::move(offers);
    has_offers_ = true;
    tell_contradictions();
}

void ServiceCatalogue::take_answer(const Outcome<Offers>& offered) {
    if (!offered) {
        offers_failure_ = offered.error();
        return;
    }
    offers_failure_.reset();
    take(*offered);
    for (const auto& held : ports_.all()) {
        const auto* const offer = offer_of(held.port->service);
        if (offer != nullptr && held.port->mode == Mode::passthrough &&
            login_.catalogue_of(*held.port->logins)->find(held.port->service) == nullptr) {
            held.port->is_postgres = offer->protocol == "postgres";
        }
    }
}

// A port that is open end to end stays so; whoever has it open is told once.
void ServiceCatalogue::tell_contradictions() {
    for (const auto& held : ports_.all()) {
        if (held.port->mode != Mode::end_to_end) {
            continue;
        }
        const std::string& service = held.port->service;
        auto found = contradiction(*login_.catalogue_of(*held.port->logins), service, offers_);
        if (!found) {
            told_contradictions_.erase(service);
        } else if (told_contradictions_.insert(service).second) {
            found->hint =
                "Its port stays open, end to end. Tell the administrator: gateway.toml or the CA's "
                "ca.toml is wrong, or somebody has broken into the gateway.";
            announcer_.tell({EventKind::remark, service, *found, true, {}, 0});
        }
    }
}

asio::awaitable<Outcome<void>> ServiceCatalogue::refresh() {
    auto asking = ask_gateways(login_.source());
    auto offered = co_await std::move(asking);
    const json before = all_json();
    take_answer(offered);
    const json after = all_json();
    if (after != before) {
        announcer_.publish("services", after);
    }
    if (!offered) {
        login_.doubt_after(offered.error().code);
        co_return offered.error();
    }
    co_return Outcome<void>();
}

ServiceCatalogue::Answering ServiceCatalogue::services_refresh(control::ClientId, json) {
    if (!login_.login()) {
        control::Reply bad = port_refusal_reply(login_.no_login());
        co_return std::move(bad);
    }
    auto refreshing = refresh();
    const auto done = co_await std::move(refreshing);
    if (!done) {
        control::Reply bad = control::refusal_reply(done.error());
        co_return std::move(bad);
    }
    control::Reply reply = all_json();
    co_return std::move(reply);
}

void ServiceCatalogue::login_changed(const LoginChange& change) {
    offers_failure_.reset();
    if (change.has_ended()) {
        has_offers_ = false;
        offers_.clear();
        return;
    }
    for (auto& [service, mark] : marks_) {
        mark = Mark();
    }
    if (change.is_new()) {
        has_offers_ = false;
    }
}

void ServiceCatalogue::mark_opened(const std::string& service) {
    marks_[service] = Mark();
}

void ServiceCatalogue::mark_unopened(const std::string& service, const Refusal& refusal) {
    const bool is_taken = refusal.code == Code::already_exists;
    marks_[service] = Mark{refusal, is_taken ? "port_in_use" : login_.reason_word(refusal)};
}

void ServiceCatalogue::forget(const std::string& service) {
    marks_.erase(service);
    told_traffic_.erase(service);
}

void ServiceCatalogue::mark(const Event& event) {
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
        publish(event.service);
    } else if ((event.kind == EventKind::refused || event.kind == EventKind::cut) && event.has_reason &&
               is_about_service(event.told) && (!error || error->message != event.told.message)) {
        error = event.told;
        reason = login_.reason_word(event.told);
        publish(event.service);
    }
}

void ServiceCatalogue::mark_gateways_lost(const Refusal& refusal) {
    for (const auto& held : ports_.all()) {
        if (held.port->logins == login_.source()) {
            marks_[held.port->service] = Mark{refusal, login_.reason_word(refusal)};
            publish(held.port->service);
        }
    }
}

void ServiceCatalogue::mark_gateways_back() {
    for (const auto& held : ports_.all()) {
        Mark& mark = marks_[held.port->service];
        const bool was_gateway = mark.error && may_be_gateway(mark.error->code);
        if (held.port->logins == login_.source() && was_gateway) {
            mark = Mark();
            publish(held.port->service);
        }
    }
}

void ServiceCatalogue::watch_squatters() {
    squatters_.look([this](const std::string& service) { publish(service); });
}

void ServiceCatalogue::publish(const std::string& service) {
    announcer_.publish("service", service_json(service));
}

void ServiceCatalogue::publish_all() {
    announcer_.publish("services", all_json());
}

Traffic ServiceCatalogue::traffic_of(const std::string& service) const {
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

void ServiceCatalogue::publish_traffic() {
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
        announcer_.publish("traffic", params);
    }
}

std::vector<std::string> ServiceCatalogue::service_names() const {
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

// The person's own word goes before the gateway's.
std::string ServiceCatalogue::database_of(const std::string& service) const {
    const std::string remembered = settings_.values().database(service);
    const OfferedService* const offer = offer_of(service);
    return remembered.empty() && offer != nullptr ? offer->database : remembered;
}

json ServiceCatalogue::lines_at(const std::string& service, Mode mode, unsigned short port,
                                const Login& login, const std::string& socket) const {
    const std::string elsewhere = login.catalogue().service(service).server_name;
    return connection_lines(
        {service, mode, port, login.user(), folder_.login_certificate().string(),
         folder_.login_key().string(), folder_.server_ca().string(), database_of(service), socket,
         elsewhere.empty() ? pki::service_host(login.trust_domain(), service) : elsewhere});
}

json ServiceCatalogue::port_json(const HeldPort& held) const {
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

ServiceCatalogue::Standing ServiceCatalogue::look_at(const std::string& service) const {
    Standing seen;
    seen.offer = offer_of(service);
    seen.open = ports_.of(service);
    const LoginSource& logins = seen.open != nullptr ? *seen.open->port->logins : *login_.source();
    seen.catalogue = login_.catalogue_of(logins);
    const ServiceEntry* const entry = seen.catalogue->find(service);
    seen.is_listed = entry != nullptr || !seen.catalogue->is_complete;
    seen.is_postgres = entry == nullptr || entry->is_postgres;
    if (!seen.is_listed && seen.offer != nullptr) {
        seen.is_postgres = seen.offer->protocol == "postgres";
    } else if (!seen.is_listed && seen.open != nullptr) {
        seen.is_postgres = seen.open->port->is_postgres;
    }
    seen.has_end_to_end = seen.is_listed && seen.is_postgres;
    if (seen.open != nullptr) {
        seen.mode = seen.open->port->mode;
    } else if (seen.has_end_to_end) {
        seen.mode = seen.catalogue->service(service).mode;
    }
    seen.port = seen.open != nullptr ? seen.open->port->number : ports_.remembered(service, seen.mode);
    if (const auto marked = marks_.find(service); marked != marks_.end()) {
        seen.mark = marked->second;
    }
    const Refusal* const squatter = squatters_.of(service);
    seen.is_squatted = seen.open == nullptr && squatter != nullptr;
    if (seen.is_squatted) {
        seen.mark = Mark{*squatter, "port_in_use"};
    }
    const auto contradicted = contradiction(*seen.catalogue, service, offers_);
    if (contradicted && seen.open == nullptr && !seen.mark.error) {
        seen.mark = Mark{*contradicted, std::string(contradicted->reason)};
    }
    seen.state = seen.mark.error ? "error" : seen.open != nullptr ? "connected" : "disconnected";
    if (seen.open == nullptr && ports_.is_opening(service)) {
        seen.state = "connecting";
    }
    return seen;
}

json ServiceCatalogue::service_json(const std::string& service) const {
    const Standing seen = look_at(service);
    const OfferedService* const offer = seen.offer;
    const HeldPort* const open = seen.open;
    const AgentSettings& settings = settings_.values();
    const bool has_socket = open != nullptr && !open->port->socket_folder.empty();
    const Traffic sum = traffic_of(service);
    json told = {{"name", service},
                 {"description", offer != nullptr ? offer->description : std::string()},
                 {"protocol", seen.is_postgres ? "postgres" : "tcp"},
                 {"modes", seen.has_end_to_end ? json{"end_to_end", "passthrough"} : json{"passthrough"}},
                 {"listed", seen.is_listed},
                 {"mode", name(seen.mode)},
                 {"gateway", offer != nullptr ? offer->gateway : std::string()},
                 {"state", seen.state},
                 {"allowed", offer != nullptr || !has_offers_},
                 {"port", nullptr},
                 {"socket", has_socket ? json(open->port->socket_folder) : json()},
                 {"connections", sum.connections},
                 {"bytes_in", sum.bytes_in},
                 {"bytes_out", sum.bytes_out},
                 {"error", nullptr},
                 {"commands", nullptr},
                 {"connect_at_start", settings.connect_at_start.count(service) > 0},
                 {"favourite", settings.favourites.count(service) > 0},
                 {"user_map", login_.login() && seen.catalogue->service(service).user_map},
                 {"ports", json::array()}};
    if (seen.port != 0) {
        told["port"] = seen.port;
    }
    if (seen.mark.error) {
        told["error"] = error_json(*seen.mark.error, seen.mark.reason);
    }
    for (const auto& held : ports_.all()) {
        if (held.port->service == service) {
            told["ports"].push_back(port_json(held));
        }
    }
    const LoginPtr shown = open != nullptr ? open->port->logins->latest() : login_.login();
    // Lines that lead to somebody else are not to be pasted.
    if (seen.is_postgres && seen.port != 0 && shown && !seen.is_squatted) {
        told["commands"] =
            lines_at(service, seen.mode, seen.port, *shown, open != nullptr ? open->port->socket_folder : "");
    }
    return told;
}

json ServiceCatalogue::all_json() const {
    auto list = json::array();
    for (const auto& service : service_names()) {
        list.push_back(service_json(service));
    }
    json told = {{"services", list}, {"services_known", has_offers_}, {"services_error", nullptr}};
    if (!has_offers_ && offers_failure_) {
        told["services_error"] = error_json(*offers_failure_, login_.reason_word(*offers_failure_));
    }
    return told;
}

}  // namespace postern::client

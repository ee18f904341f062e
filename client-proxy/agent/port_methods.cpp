#include "client-proxy/agent/port_methods.hpp"

#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "base/log.hpp"
#include "base/spelling.hpp"
#include "client-proxy/agent/kept_ports.hpp"
#include "client-proxy/agent/port_request.hpp"
#include "client-proxy/agent/refusal_words.hpp"
#include "client-proxy/agent/service_way.hpp"
#include "client-proxy/control/parameters.hpp"
#include "client-proxy/login/login_choice.hpp"
#include "client-proxy/login/login_key.hpp"
#include "pki/identity.hpp"

namespace postern::client {

namespace asio = boost::asio;
using nlohmann::json;

namespace {

/// So long the CA may take to say whether it lists a service that its last catalogue does not have.
constexpr auto kCatalogueTimeout = std::chrono::seconds(5);

}  // namespace

PortMethods::PortMethods(Announcer& announcer, ProfileFolder folder, Agent& agent, OpenPorts& ports,
                         SettingsMethods& settings, const ProfileLogin& login, ServiceCatalogue& catalogue)
    : announcer_(announcer),
      folder_(std::move(folder)),
      agent_(agent),
      ports_(ports),
      settings_(settings),
      login_(login),
      catalogue_(catalogue),
      kept_file_(folder_.path() / "kept-ports.json") {}

// The wish is as the client says it; nobody has been asked yet.
Outcome<PortWish> PortMethods::wish_of(control::ClientId client, const json& object) const {
    const control::Parameters params(object);
    auto wish = wish_in(params, client);
    if (!wish) {
        return wish;
    }
    wish->order.logins = login_.source();
    if (const LoginChoice choice = credentials_in(params); choice.has_files()) {
        auto fixed = open_login(choice, folder_);
        if (!fixed) {
            return fixed.error();
        }
        wish->order.logins = *std::move(fixed);
    } else if (!login_.login()) {
        return login_.no_login();
    }
    return wish;
}

// The wish is judged by the CA's catalogue, and held against what the gateways say. Where they do not answer
// now the port opens all the same.
asio::awaitable<Outcome<PortWish>> PortMethods::judge(PortWish wish) {
    const std::string service = wish.order.service;
    const bool is_profiles = wish.order.logins == login_.source();
    ServiceCatalogue::Offers offered = catalogue_.offers();
    bool is_known = catalogue_.has_offers() && catalogue_.offer_of(service) != nullptr;
    // A port for one program is not worth a round trip each time: the program says itself what it gets.
    const bool is_for_one = wish.number && *wish.number == 0;
    const bool is_new =
        !catalogue_.has_offers() || login_.catalogue_of(*wish.order.logins)->find(service) == nullptr;
    const bool must_ask = is_for_one ? is_profiles && is_new : !is_profiles || !is_known;
    if (must_ask) {
        auto asking = ServiceCatalogue::ask_gateways(wish.order.logins);
        auto told = co_await std::move(asking);
        is_known = told.has_value();
        if (told) {
            offered = *std::move(told);
            if (is_profiles) {
                catalogue_.take(offered);
            }
        } else {
            announcer_.remark(service, fmt::format("for now, {}", told.error().message));
        }
    }
    const bool is_offered = std::any_of(offered.begin(), offered.end(),
                                        [&](const OfferedService& one) { return one.name == service; });
    const std::optional<Mode> wanted = wish.is_wanted_so ? std::optional(wish.order.mode) : std::nullopt;
    auto way = service_way(*login_.catalogue_of(*wish.order.logins), service, wanted, offered);
    const bool may_be_news =
        !way && is_offered && (way.error().reason == kNotListed || way.error().reason == kContradicted);
    if (may_be_news && is_profiles) {
        // The catalogue is as old as the certificate.
        auto asking = login_.source()->ask_catalogue(kCatalogueTimeout);
        co_await std::move(asking);
        way = service_way(*login_.catalogue_of(*wish.order.logins), service, wanted, offered);
    }
    if (!way) {
        co_return way.error();
    }
    wish.order.mode = way->mode;
    wish.order.is_postgres = way->is_postgres;
    if (wish.order.mode == Mode::passthrough && is_profiles && login_.login() && !has_key_file(folder_)) {
        announcer_.remark(
            service,
            "the login's key is in no file: passed-through programs that want a key file for TLS of their "
            "own have none");
    }
    if (!is_offered && is_known) {
        wish.is_known = false;
        remark_unoffered(service, offered);
    }
    co_return std::move(wish);
}

void PortMethods::remark_unoffered(const std::string& service, const ServiceCatalogue::Offers& offered) {
    std::vector<std::string> names;
    for (const auto& one : offered) {
        names.push_back(one.name);
    }
    const std::string near = nearest_word(service, names);
    announcer_.remark(service,
                      fmt::format("no gateway offers {} to you now{}; connections will say why", service,
                                  near.empty() ? "" : fmt::format(" (did you mean {}?)", near)));
}

Outcome<LocalPortPtr> PortMethods::open(PortWish wish) {
    const std::string service = wish.order.service;
    const bool was_open = ports_.of(service) != nullptr;
    std::string told;
    auto opened = ports_.open(std::move(wish), told);
    if (!told.empty()) {
        announcer_.remark(service, std::move(told));
    }
    if (!opened) {
        if (!was_open) {
            catalogue_.mark_unopened(service, opened.error());
        }
    } else {
        catalogue_.mark_opened(service);
        if (!was_open) {
            Event event;
            event.kind = EventKind::connected;
            event.service = service;
            event.told.message = fmt::format("{} is at localhost:{}", service, (*opened)->number);
            announcer_.tell(event);
        }
        write_kept();
    }
    catalogue_.publish(service);
    return opened;
}

PortMethods::Answering PortMethods::connect(control::ClientId client, json params) {
    const control::Parameters given(params);
    const std::string service = given.text("service");
    const std::string database = given.text("database", "");
    auto said = wish_of(client, params);
    if (!said) {
        control::Reply bad = port_refusal_reply(said.error());
        co_return std::move(bad);
    }
    ports_.begin_opening(service);
    catalogue_.publish(service);
    auto judging = judge(*std::move(said));
    auto wish = co_await std::move(judging);
    ports_.end_opening(service);
    if (!wish) {
        catalogue_.publish(service);
        control::Reply bad = port_refusal_reply(wish.error());
        co_return std::move(bad);
    }
    if (announcer_.is_stopping()) {
        const Refusal stopping{Code::shutting_down, "the agent is shutting down", "Try again.", {}};
        control::Reply bad = control::refusal_reply(stopping);
        co_return std::move(bad);
    }
    // Whoever has left meanwhile would hold the port for ever.
    if (wish->holder != 0 && !announcer_.server().has(wish->holder)) {
        const Refusal left{Code::cancelled, "the command that was to hold the port open has ended", {}, {}};
        control::Reply bad = control::refusal_reply(left);
        catalogue_.publish(service);
        co_return std::move(bad);
    }
    if (auto kept = settings_.remember_database(service, database); !kept) {
        control::Reply bad = control::refusal_reply(kept.error());
        co_return std::move(bad);
    }
    const auto opened = open(*std::move(wish));
    if (!opened) {
        control::Reply bad = port_refusal_reply(opened.error());
        co_return std::move(bad);
    }
    json answer = catalogue_.service_json(service);
    for (const auto& held : ports_.all()) {
        if (held.port == *opened) {
            answer["opened"] = catalogue_.port_json(held);
        }
    }
    control::Reply reply = std::move(answer);
    co_return std::move(reply);
}

PortMethods::Answering PortMethods::disconnect(control::ClientId, json params) {
    const control::Parameters given(params);
    const std::string service = given.text("service");
    const auto number = given.optional_number("port", 0, kMostPort);
    const Refusal why{Code::cancelled,
                      fmt::format("the port of {} was closed", service),
                      fmt::format("Open it again: postern connect {}", service),
                      {}};
    const auto ports = ports_.close(service, static_cast<unsigned short>(number.value_or(0)), why);
    closed(ports, "it was closed");
    json answer = catalogue_.service_json(service);
    answer["closed"] = ports.size();
    control::Reply reply = std::move(answer);
    co_return std::move(reply);
}

PortMethods::Answering PortMethods::port_set(control::ClientId, json params) {
    const control::Parameters given(params);
    const std::string service = given.text("service");
    const auto port = static_cast<unsigned short>(given.number("port", 1, kMostPort));
    const auto said = mode_in(given);
    if (!pki::is_resource_name(service)) {
        throw control::BadParameter("service is a service's name");
    }
    const HeldPort* const held = ports_.of(service);
    const Mode usual =
        held != nullptr ? held->port->mode : login_.catalogue_of(*login_.source())->service(service).mode;
    const Mode mode = said.value_or(usual);
    if (const auto checked = ports_.check_not_kept(service, mode, port); !checked) {
        control::Reply bad = port_refusal_reply(checked.error());
        co_return std::move(bad);
    }
    if (held != nullptr && held->port->mode == mode && held->port->number != port) {
        if (const auto moved = move(*held, port); !moved) {
            control::Reply bad = port_refusal_reply(moved.error());
            co_return std::move(bad);
        }
    }
    const auto remembered = ports_.remember(service, mode, port);
    if (!remembered) {
        control::Reply bad = port_refusal_reply(remembered.error());
        co_return std::move(bad);
    }
    catalogue_.publish(service);
    control::Reply reply = catalogue_.service_json(service);
    co_return std::move(reply);
}

// The new port is opened first, so that the old one stays when the new one cannot be had.
Outcome<void> PortMethods::move(const HeldPort& held, unsigned short number) {
    // `held` refers to nothing any more once another port is open.
    const LocalPortPtr before = held.port;
    PortWish wish;
    wish.order.service = before->service;
    wish.order.mode = before->mode;
    wish.is_wanted_so = held.is_wanted_so;
    wish.order.is_postgres = before->is_postgres;
    wish.order.logins = before->logins;
    wish.order.admits_other_users = before->admits_other_users;
    wish.order.warm = before->warm;
    wish.number = number;
    const auto moved = open(std::move(wish));
    if (!moved) {
        return moved.error();
    }
    const Refusal why{Code::cancelled,
                      fmt::format("{} has moved to port {}", before->service, number),
                      "Connect there.",
                      {}};
    ports_.hold_alike(**moved, *before);
    closed(ports_.close(before->service, before->number, why), fmt::format("it moved to port {}", number));
    write_kept();
    return {};
}

void PortMethods::release(control::ClientId client) {
    const Refusal why{Code::shutting_down,
                      "the command that held this port open has ended",
                      "Start it again: postern connect",
                      {}};
    closed(ports_.release(client, why), "the command that held it open has ended");
}

void PortMethods::login_changed(const LoginChange& change) {
    if (!change.has_ended()) {
        agent_.show(login_.source(), change.login);
        return;
    }
    const Refusal why{Code::session_ended, "you logged out", "Run: postern login, then connect again.", {}};
    for (const auto& held : ports_.all()) {
        if (held.port->logins == login_.source()) {
            agent_.end_tunnels(*held.port, why);
        }
    }
}

void PortMethods::connect_at_start() {
    if (!login_.login()) {
        return;
    }
    for (const auto& service : settings_.values().connect_at_start) {
        if (ports_.of(service) == nullptr) {
            PortWish wish;
            wish.order.service = service;
            wish.order.logins = login_.source();
            open_unasked(std::move(wish));
        }
    }
}

// The port opens as the catalogue says, or as the wish does where that is a person's word. Nobody waits for
// an answer.
void PortMethods::open_unasked(PortWish wish) {
    const std::string service = wish.order.service;
    const std::optional<Mode> wanted = wish.is_wanted_so ? std::optional(wish.order.mode) : std::nullopt;
    const auto way =
        service_way(*login_.catalogue_of(*wish.order.logins), service, wanted, catalogue_.offers());
    if (!way) {
        announcer_.refused(service, way.error());
        return;
    }
    wish.order.mode = way->mode;
    wish.order.is_postgres = way->is_postgres;
    if (const auto opened = open(std::move(wish)); !opened) {
        announcer_.refused(service, opened.error());
    }
}

void PortMethods::closed(const std::vector<LocalPortPtr>& ports, const std::string& why) {
    write_kept();
    for (const auto& port : ports) {
        Event event;
        event.kind = EventKind::disconnected;
        event.service = port->service;
        event.told.message = fmt::format("localhost:{} is closed: {}", port->number, why);
        announcer_.tell(event);
        if (ports_.of(port->service) == nullptr) {
            catalogue_.forget(port->service);
        }
        catalogue_.publish(port->service);
    }
}

// Certificate files that somebody else looks after are not written down: where they are is the command's to
// say.
void PortMethods::write_kept() const {
    if (!keeps_ports()) {
        return;
    }
    std::vector<KeptPort> kept;
    for (const auto& held : ports_.all()) {
        if (held.is_kept && held.is_remembered && held.port->logins == login_.source()) {
            kept.push_back({held.port->service, held.port->mode, held.port->is_postgres, held.port->number,
                            held.port->admits_other_users, held.is_wanted_so});
        }
    }
    if (auto saved = save_kept_ports(kept_file_, kept); !saved) {
        spdlog::warn("event=kept_ports.unsaved error={}", postern::quoted(saved.error().detail));
    }
}

void PortMethods::forget_kept() const {
    if (keeps_ports()) {
        [[maybe_unused]] const auto ignored = save_kept_ports(kept_file_, {});
    }
}

void PortMethods::reopen_kept() {
    if (!keeps_ports()) {
        return;
    }
    for (const auto& kept : load_kept_ports(kept_file_)) {
        PortWish wish;
        wish.order.service = kept.service;
        wish.order.mode = kept.mode;
        wish.is_wanted_so = kept.is_wanted_so;
        wish.order.logins = login_.source();
        wish.order.admits_other_users = kept.admits_other_users;
        wish.number = kept.number;
        open_unasked(std::move(wish));
    }
}

}  // namespace postern::client

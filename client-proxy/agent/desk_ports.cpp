// The part of the desk that opens and closes local ports.
#include <algorithm>
#include <cstdint>
#include <future>
#include <optional>
#include <utility>

#include <boost/asio/post.hpp>
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "base/log.hpp"
#include "base/spelling.hpp"
#include "client-proxy/agent/desk.hpp"
#include "client-proxy/agent/kept_ports.hpp"
#include "client-proxy/agent/service_way.hpp"
#include "client-proxy/control/parameters.hpp"
#include "client-proxy/login/login_choice.hpp"
#include "client-proxy/login/login_key.hpp"
#include "pki/identity.hpp"

namespace postern::client {

namespace asio = boost::asio;
using nlohmann::json;

namespace {

/// For the CA's word on a service that its last one does not list.
constexpr auto kCatalogueTimeout = std::chrono::seconds(5);
constexpr std::int64_t kMostPort = 65535;
constexpr std::int64_t kMostWarm = 256;

// Nothing when the client leaves it open.
std::optional<Mode> mode_in(const control::Parameters& params) {
    if (!params.has("mode")) {
        return std::nullopt;
    }
    const std::string text = params.text("mode");
    for (const Mode mode : {Mode::end_to_end, Mode::passthrough}) {
        if (name(mode) == text) {
            return mode;
        }
    }
    throw control::BadParameter("mode is end_to_end or passthrough");
}

LoginChoice credentials_in(const control::Parameters& params) {
    const control::Parameters given(params.object("credentials"));
    LoginChoice choice;
    choice.certificate = given.text("certificate_file", "");
    choice.key = given.text("key_file", "");
    choice.server_ca = given.text("server_ca_file", "");
    choice.trust_domain = given.text("trust_domain", "");
    choice.gateways = given.texts("gateways");
    return choice;
}

}  // namespace

// With the word by which clients know what to do about it.
control::Reply Desk::refused(const Refusal& refusal) {
    return control::refusal_reply(refusal, refusal.code == Code::unauthenticated  ? "login_required"
                                           : refusal.code == Code::already_exists ? "port_in_use"
                                                                                  : "");
}

// As the client says it, before anybody is asked.
Outcome<PortWish> Desk::wish_of(control::ClientId client, const json& object) const {
    const control::Parameters params(object);
    PortWish wish;
    wish.order.service = params.text("service");
    if (!pki::is_resource_name(wish.order.service)) {
        return Refusal{Code::config_invalid,
                       fmt::format("'{}' is no service's name", wish.order.service),
                       "See what there is: postern services",
                       {}};
    }
    const auto mode = mode_in(params);
    wish.order.mode = mode.value_or(Mode::end_to_end);
    wish.is_wanted_so = mode.has_value();
    wish.order.admits_other_users = params.flag("unsafe_any_local_user", false);
    if (const auto port = params.optional_number("port", 0, kMostPort)) {
        wish.number = static_cast<unsigned short>(*port);
    }
    if (const auto warm = params.optional_number("warm", 0, kMostWarm)) {
        wish.order.warm = static_cast<std::size_t>(*warm);
    }
    wish.holder = params.flag("hold", false) ? client : 0;
    wish.order.logins = logins_;
    if (const LoginChoice choice = credentials_in(params); choice.has_files()) {
        auto fixed = open_login(choice, folder_);
        if (!fixed) {
            return fixed.error();
        }
        wish.order.logins = *std::move(fixed);
    } else if (!login_) {
        return no_login();
    }
    return wish;
}

// What the client wants, by the CA's catalogue, and held against what the gateways say: ports open all the
// same when they do not answer now.
asio::awaitable<Outcome<PortWish>> Desk::judge_wish(PortWish wish) {
    const std::string service = wish.order.service;
    const bool is_profiles = wish.order.logins == logins_;
    std::vector<OfferedService> offered = offers_;
    bool is_known = has_offers_ && offer_of(service) != nullptr;
    // For one program, which says itself what it gets, that is not worth a round trip each time.
    const bool is_for_one = wish.number && *wish.number == 0;
    const bool is_new = !has_offers_ || catalogue_of(*wish.order.logins)->find(service) == nullptr;
    const bool must_ask = is_for_one ? is_profiles && is_new : !is_profiles || !is_known;
    if (must_ask) {
        auto asking = ask_gateways(wish.order.logins);
        auto told = co_await std::move(asking);
        is_known = told.has_value();
        if (told) {
            offered = *std::move(told);
            if (is_profiles) {
                offers_ = offered;
                has_offers_ = true;
                tell_contradictions();
            }
        } else {
            remark(service, fmt::format("for now, {}", told.error().message));
        }
    }
    const bool is_offered = std::any_of(offered.begin(), offered.end(),
                                        [&](const OfferedService& one) { return one.name == service; });
    const std::optional<Mode> wanted = wish.is_wanted_so ? std::optional(wish.order.mode) : std::nullopt;
    auto way = service_way(*catalogue_of(*wish.order.logins), service, wanted, offered);
    const bool may_be_news =
        !way && is_offered && (way.error().reason == kNotListed || way.error().reason == kContradicted);
    if (may_be_news && is_profiles) {
        // The catalogue is as old as the certificate.
        auto asking = logins_->ask_catalogue(kCatalogueTimeout);
        co_await std::move(asking);
        way = service_way(*catalogue_of(*wish.order.logins), service, wanted, offered);
    }
    if (!way) {
        co_return way.error();
    }
    wish.order.mode = way->mode;
    wish.order.is_postgres = way->is_postgres;
    if (wish.order.mode == Mode::passthrough && is_profiles && login_ && !has_key_file(folder_)) {
        remark(service,
               "the login's key is in no file: passed-through programs that want a key file for TLS of their "
               "own have none");
    }
    if (!is_offered && is_known) {
        wish.is_known = false;
        std::vector<std::string> names;
        for (const auto& one : offered) {
            names.push_back(one.name);
        }
        const std::string near = nearest_word(service, names);
        remark(service, fmt::format("no gateway offers {} to you now{}; connections will say why", service,
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
            mark = Mark{opened.error(), is_taken ? "port_in_use" : reason_word(opened.error())};
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

Desk::Answering Desk::connect(control::ClientId client, json params) {
    const control::Parameters given(params);
    const std::string service = given.text("service");
    const std::string database = given.text("database", "");
    auto said = wish_of(client, params);
    if (!said) {
        control::Reply bad = refused(said.error());
        co_return std::move(bad);
    }
    connecting_.insert(service);
    publish_service(service);
    auto judging = judge_wish(*std::move(said));
    auto wish = co_await std::move(judging);
    connecting_.erase(connecting_.find(service));
    if (!wish) {
        publish_service(service);
        control::Reply bad = refused(wish.error());
        co_return std::move(bad);
    }
    if (is_stopping_) {
        const Refusal stopping{Code::shutting_down, "the agent is shutting down", "Try again.", {}};
        control::Reply bad = control::refusal_reply(stopping);
        co_return std::move(bad);
    }
    // Whoever has left meanwhile would hold the port for ever.
    if (wish->holder != 0 && !server_->has(wish->holder)) {
        const Refusal left{Code::cancelled, "the command that was to hold the port open has ended", {}, {}};
        control::Reply bad = control::refusal_reply(left);
        publish_service(service);
        co_return std::move(bad);
    }
    if (auto kept = remember_database(service, database); !kept) {
        control::Reply bad = control::refusal_reply(kept.error());
        co_return std::move(bad);
    }
    const auto opened = open_port(*std::move(wish));
    if (!opened) {
        control::Reply bad = refused(opened.error());
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
    const control::Parameters given(params);
    const std::string service = given.text("service");
    const auto number = given.optional_number("port", 0, kMostPort);
    const Refusal why{Code::cancelled,
                      fmt::format("the port of {} was closed", service),
                      fmt::format("Open it again: postern connect {}", service),
                      {}};
    const auto ports = ports_.close(service, static_cast<unsigned short>(number.value_or(0)), why);
    closed(ports, "it was closed");
    json answer = service_json(service);
    answer["closed"] = ports.size();
    control::Reply reply = std::move(answer);
    co_return std::move(reply);
}

Desk::Answering Desk::port_set(control::ClientId, json params) {
    const control::Parameters given(params);
    const std::string service = given.text("service");
    const auto port = static_cast<unsigned short>(given.number("port", 1, kMostPort));
    const auto said = mode_in(given);
    if (!pki::is_resource_name(service)) {
        throw control::BadParameter("service is a service's name");
    }
    const HeldPort* const open = ports_.of(service);
    const Mode usual = open != nullptr ? open->port->mode : catalogue_of(*logins_)->service(service).mode;
    const Mode mode = said.value_or(usual);
    if (const auto checked = ports_.check_not_kept(service, mode, port); !checked) {
        control::Reply bad = refused(checked.error());
        co_return std::move(bad);
    }
    if (open != nullptr && open->port->mode == mode && open->port->number != port) {
        // The new one first: when it cannot be had, the old one stays.
        PortWish wish;
        wish.order.service = service;
        wish.order.mode = mode;
        wish.is_wanted_so = open->is_wanted_so;
        wish.order.is_postgres = open->port->is_postgres;
        wish.order.logins = open->port->logins;
        wish.order.admits_other_users = open->port->admits_other_users;
        wish.order.warm = open->port->warm;
        wish.number = port;
        const LocalPortPtr before = open->port;
        const auto moved = open_port(std::move(wish));
        if (!moved) {
            control::Reply bad = refused(moved.error());
            co_return std::move(bad);
        }
        const Refusal why{
            Code::cancelled, fmt::format("{} has moved to port {}", service, port), "Connect there.", {}};
        ports_.hold_alike(**moved, *before);
        closed(ports_.close(service, before->number, why), fmt::format("it moved to port {}", port));
        write_kept_ports();
    }
    const auto remembered = ports_.remember(service, mode, port);
    if (!remembered) {
        control::Reply bad = refused(remembered.error());
        co_return std::move(bad);
    }
    publish_service(service);
    control::Reply reply = service_json(service);
    co_return std::move(reply);
}

// The login's, or what is left of the last one's.
std::shared_ptr<const Catalogue> Desk::catalogue_of(const LoginSource& logins) const {
    if (const LoginPtr login = logins.latest()) {
        return {login, &login->catalogue()};
    }
    return std::make_shared<const Catalogue>(profile_ ? profile_->catalogue : Catalogue());
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
            open_unasked(std::move(wish));
        }
    }
}

// As the catalogue says, or as the wish does where that is a person's word. Nobody waits for an answer.
void Desk::open_unasked(PortWish wish) {
    const std::string service = wish.order.service;
    const std::optional<Mode> wanted = wish.is_wanted_so ? std::optional(wish.order.mode) : std::nullopt;
    const auto way = service_way(*catalogue_of(*wish.order.logins), service, wanted, offers_);
    if (!way) {
        EventSink::refused(service, way.error());
        return;
    }
    wish.order.mode = way->mode;
    wish.order.is_postgres = way->is_postgres;
    if (const auto opened = open_port(std::move(wish)); !opened) {
        EventSink::refused(service, opened.error());
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

void Desk::move_to(const std::filesystem::path& folder, net::Listener listener) {
    std::promise<void> done;
    asio::post(control_.at(0), [&] {
        agent_.move_sockets(folder);
        server_->serve(std::move(listener));
        EventSink::remark({}, fmt::format("the agent is found at {} from now on", folder.string()));
        publish("services", offers_json());
        done.set_value();
    });
    done.get_future().wait();
}

std::filesystem::path Desk::kept_file() const {
    return folder_.path() / "kept-ports.json";
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
                            held.port->admits_other_users, held.is_wanted_so});
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
        wish.is_wanted_so = kept.is_wanted_so;
        wish.order.logins = logins_;
        wish.order.admits_other_users = kept.admits_other_users;
        wish.number = kept.number;
        open_unasked(std::move(wish));
    }
}

}  // namespace postern::client

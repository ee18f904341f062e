#include "ca-service/api/service.hpp"

#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <thread>

#include <boost/asio/post.hpp>
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "base/log.hpp"
#include "base/memory.hpp"
#include "ca-service/api/api.hpp"
#include "ca-service/ca.hpp"
#include "ca-service/crl_completion.hpp"
#include "ca-service/issuance.hpp"
#include "ca-service/server_name.hpp"
#include "ca-service/store/familiar_places.hpp"
#include "ca-service/store_age_watch.hpp"
#include "ca-service/store_cleanup.hpp"
#include "ca-service/store_watch.hpp"
#include "http/health_service.hpp"
#include "http/https_service.hpp"
#include "net/connection_slots.hpp"
#include "pki/csr.hpp"
#include "pki/identity.hpp"
#include "pki/validity.hpp"

namespace postern::ca {

namespace {

using std::chrono::hours;
using std::chrono::minutes;

constexpr hours kWarnOfEndBefore{24 * 30};
constexpr hours kWarnOfEndEvery{24};
/// One worker is enough: a stranger's enrolment is one look-up, and a good one is rare.
constexpr std::size_t kEnrolmentWorkers = 1;

struct OwnCertificate {
    net::TlsContext tls;
    SystemTime not_before{};
    SystemTime renew_at{};
};

/// Makes a fresh key and certificate for this service itself. Neither touches the disk.
Result<OwnCertificate> make_own_certificate(const Authority& authority, const Config& config,
                                            SystemTime now) {
    auto key = pki::PrivateKey::generate_p256();
    if (!key) {
        return key.error();
    }
    const auto csr = pki::make_csr_pem(*key, kServiceCommonName);
    if (!csr) {
        return csr.error();
    }
    const auto public_key = pki::public_key_from_csr(*csr);
    if (!public_key) {
        return public_key.error();
    }
    const ServerSubject subject{pki::ServerKind::ca, {spiffe_segment(config.names.front())}, config.names};
    const auto leaf = issue_server_certificate(authority, config, *public_key, subject, now);
    if (!leaf) {
        return leaf.error();
    }
    const net::TlsCredentials credentials{std::move(*key), {*leaf, authority.servers().chain().front()}};
    auto tls = net::TlsContext::server(credentials, authority.user_bundle(),
                                       net::ClientCertificate::optional_and_maybe_expired,
                                       &authority.server_bundle());
    if (!tls) {
        return tls.error();
    }
    return OwnCertificate{std::move(*tls), leaf->not_before(), now + (leaf->not_after() - now) * 2 / 3};
}

std::size_t cores() {
    return std::max(1U, std::thread::hardware_concurrency());
}

void warn_of_old_authority(const pki::Issuer& issuer, std::string_view kind, SystemTime now) {
    const SystemTime end = issuer.chain().front().not_after();
    if (end - now < kWarnOfEndBefore) {
        spdlog::warn("event=ca.issuing_certificate_ends kind={} not_after={}", kind, format_time(end));
    }
}

/// Returns what of the wanted bounds this process can keep. A connection takes a file descriptor, and the
/// store, the audit log and the loops must always find one. One address keeps its share of what there is.
http::HttpsLimits fitting(http::HttpsLimits wanted, std::size_t most_files, std::size_t workers) {
    constexpr std::size_t kReservedFiles = 64;
    constexpr std::size_t kFilesOfALoop = 8;
    // SQLite's file, its log, and the log's index.
    constexpr std::size_t kFilesOfAWorker = 4;
    const std::size_t reserved = kReservedFiles + cores() * kFilesOfALoop + workers * kFilesOfAWorker;
    const std::size_t files = std::max(most_files, reserved + 8) - reserved;
    http::HttpsLimits limits = wanted;
    limits.connections = std::min(wanted.connections, files);
    limits.connections_per_address =
        net::share_of(limits.connections, wanted.connections, wanted.connections_per_address, 2);
    limits.pending = net::share_of(limits.connections, wanted.connections, wanted.pending, 4);
    return limits;
}

http::HttpsLimits limits_in_force(const http::HttpsLimits& wanted, std::size_t workers) {
    rlimit files{};
    const bool is_known = ::getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur != RLIM_INFINITY;
    const http::HttpsLimits limits = is_known ? fitting(wanted, files.rlim_cur, workers) : wanted;
    spdlog::info("event=limits.in_force connections={} per_address={} pending={}", limits.connections,
                 limits.connections_per_address, limits.pending);
    if (limits.connections < wanted.connections) {
        spdlog::warn("event=limits.reduced connections={} hint={}", limits.connections,
                     quoted("raise the limit of open files (LimitNOFILE)"));
    }
    return limits;
}

/// Half of what the throttle can hold. The other half is for those who fail.
constexpr std::size_t kMostPlaces = 10'000;

Result<void> remember_places(LoginThrottle& throttle, const std::filesystem::path& store_file) {
    auto database = store::Database::open(store_file);
    if (!database) {
        return database.error();
    }
    const auto places = store::familiar_places(*database, kMostPlaces);
    if (!places) {
        return places.error();
    }
    for (const store::FamiliarPlace& place : *places) {
        throttle.remember(place.user, place.network);
    }
    return {};
}

/// Returns the first setting that differs and that only a restart can change; empty if there is none.
std::string_view needs_restart(const Config& before, const Config& after) {
    if (before.listen.text() != after.listen.text()) {
        return "ca.listen";
    }
    if (before.trust_domain != after.trust_domain) {
        return "ca.trust_domain";
    }
    const auto text_of = [](const std::optional<net::Address>& address) {
        return address ? address->text() : std::string();
    };
    if (text_of(before.health_listen) != text_of(after.health_listen)) {
        return "health.listen";
    }
    if (before.audit_file != after.audit_file) {
        return "audit.file";
    }
    if (before.audit_key != after.audit_key) {
        return "audit.key";
    }
    if (before.audit_durability != after.audit_durability) {
        return "audit.durability";
    }
    if (before.http.connections != after.http.connections ||
        before.http.connections_per_address != after.http.connections_per_address ||
        before.http.pending != after.http.pending ||
        before.http.connections_per_bearer != after.http.connections_per_bearer ||
        before.http.handshake_timeout != after.http.handshake_timeout ||
        before.http.answer_timeout != after.http.answer_timeout ||
        before.login_workers != after.login_workers || before.login_queue != after.login_queue ||
        before.request_workers != after.request_workers || before.request_queue != after.request_queue) {
        return "limits";
    }
    return {};
}

}  // namespace

struct Service::State {
    State(const ServiceFiles& service_files, std::unique_ptr<audit::Log> log, Authority authority,
          Config config, Clock clock)
        : files(service_files),
          audit(std::move(log)),
          ca(std::move(authority), std::move(config), *audit, std::move(clock)) {}

    ServiceFiles files;
    std::unique_ptr<audit::Log> audit;
    Ca ca;
    net::EventLoops loops{cores()};
    std::unique_ptr<WorkerPool> logins;
    std::unique_ptr<WorkerPool> requests;
    std::unique_ptr<WorkerPool> enrolments;
    std::unique_ptr<StoreWatch> store;
    std::unique_ptr<CrlCompletion> completion;
    std::unique_ptr<StoreAgeWatch> age;
    std::unique_ptr<api::Api> api;
    std::unique_ptr<http::HttpsService> https;
    std::unique_ptr<http::HealthService> health;
    std::atomic<bool> is_draining = false;

    std::vector<http::HealthCheck> checks() const {
        const auto published = ca.crls.latest();
        const bool has_list = published && published->next_update > ca.clock();
        return {
            {"store", store->health() ? "" : "the store does not answer"},
            {"revocation_list", has_list ? "" : "no current revocation list could be made"},
            {"restored_store",
             ca.is_store_restored ? "the store was put back from a backup, and that is not accepted" : ""},
            {"audit_log", audit->is_available() ? "" : "the audit log cannot be written"},
            {"accepting", is_draining ? "the service is shutting down" : ""}};
    }

    void warn_daily(SystemTime now) {
        // It also warns when the clock went back.
        if (warned_at && now >= *warned_at && now < *warned_at + kWarnOfEndEvery) {
            return;
        }
        warned_at = now;
        warn_of_old_authority(ca.authority.users(), "user", now);
        warn_of_old_authority(ca.authority.servers(), "server", now);
    }

    MemoryReturn memory;
    std::optional<SystemTime> warned_at;
    SystemTime own_not_before{};
    SystemTime renew_own_at{};
    std::vector<std::string> own_names;
    StoreCleanup store_cleanup{ca.settled, even_clock()};
    /// How many probes each loop has answered.
    std::vector<std::atomic<unsigned>> heartbeats = std::vector<std::atomic<unsigned>>(cores());
    unsigned probes = 0;
};

Service::Service(std::unique_ptr<State> state) : state_(std::move(state)) {}

Service::~Service() {
    // Callers are destroyed before what they call: the listeners, then the loops, then the workers.
    state_->https.reset();
    state_->health.reset();
    state_->loops.stop();
    state_->logins.reset();
    state_->requests.reset();
    state_->enrolments.reset();
    state_->store.reset();
    state_->completion.reset();
    state_->ca.refusals.tell_of_others();
    // Records that are being written resume requests, for which the loops must still exist.
    state_->audit.reset();
}

Result<std::unique_ptr<Service>> Service::start(const ServiceFiles& files, Config config, Clock clock) {
    auto authority = Authority::load(files.directory);
    if (!authority) {
        return authority.error();
    }
    auto log = audit::Log::open(config.audit_log(), clock);
    if (!log) {
        return with_context("the audit log", log.error());
    }
    const Config settings = config;
    auto state = std::make_unique<State>(files, std::move(*log), std::move(*authority), std::move(config),
                                         std::move(clock));
    // The store is compared before anything is handed out.
    auto age = StoreAgeWatch::start(files.store, state->ca);
    if (!age) {
        return age.error();
    }
    state->age = std::move(*age);
    const auto newest = [raw = state.get()] { return raw->ca.logged.newest(); };
    const std::size_t login_workers = settings.login_workers == 0 ? cores() : settings.login_workers;
    auto logins = WorkerPool::start(files.store, login_workers, settings.login_queue, newest);
    if (!logins) {
        return logins.error();
    }
    state->logins = std::move(*logins);
    auto requests = WorkerPool::start(files.store, settings.request_workers, settings.request_queue, newest);
    if (!requests) {
        return requests.error();
    }
    state->requests = std::move(*requests);
    if (auto remembered = remember_places(state->ca.throttle, files.store); !remembered) {
        return remembered.error();
    }
    auto enrolments = WorkerPool::start(files.store, kEnrolmentWorkers, settings.request_queue, newest);
    if (!enrolments) {
        return enrolments.error();
    }
    state->enrolments = std::move(*enrolments);
    auto watch = StoreWatch::start(files.store, state->ca);
    if (!watch) {
        return watch.error();
    }
    state->store = std::move(*watch);
    auto completion = CrlCompletion::start(files.store, state->ca);
    if (!completion) {
        return completion.error();
    }
    state->completion = std::move(*completion);
    const SystemTime now = state->ca.clock();
    auto own = make_own_certificate(state->ca.authority, settings, now);
    if (!own) {
        return with_context("cannot make the service's own certificate", own.error());
    }
    state->own_not_before = own->not_before;
    state->renew_own_at = own->renew_at;
    state->own_names = settings.names;
    state->warn_daily(now);
    auto listener = net::Listener::bind(settings.listen);
    if (!listener) {
        return with_context("cannot listen on " + settings.listen.text(), listener.error());
    }
    state->api = std::make_unique<api::Api>(
        state->ca, api::Workers{*state->logins, *state->requests, *state->enrolments}, *state->store);
    api::Api& api = *state->api;
    state->https = std::make_unique<http::HttpsService>(
        state->loops, std::move(*listener), own->tls,
        limits_in_force(settings.http, login_workers + settings.request_workers + kEnrolmentWorkers),
        [&api](http::Request request, http::ClientInfo client) {
            return api.handle(std::move(request), std::move(client));
        },
        [&api](http::RejectedConnection rejected) { return api.record_rejected(std::move(rejected)); });
    if (settings.health_listen) {
        auto health_listener = net::Listener::bind(*settings.health_listen);
        if (!health_listener) {
            return with_context("cannot listen on " + settings.health_listen->text(),
                                health_listener.error());
        }
        state->health =
            std::make_unique<http::HealthService>(state->loops, std::move(*health_listener),
                                                  [raw = state.get()](std::size_t) { return raw->checks(); });
    }
    state->loops.start();
    return std::unique_ptr<Service>(new Service(std::move(state)));
}

unsigned short Service::health_port() const {
    return state_->health ? state_->health->port() : 0;
}

unsigned short Service::port() const {
    return state_->https->port();
}

Result<void> Service::reload() {
    const Actor actor = Actor::local_administrator();
    auto config = Config::load(state_->files.config, state_->files.directory);
    if (!config) {
        const auto record = refusal_of(actor, "config.reload_refused", config.error());
        if (auto written = state_->audit->append(record); !written) {
            spdlog::error("event=audit.failed detail={}", quoted(written.error().detail, 512));
        }
        return config.error();
    }
    const auto before = state_->ca.settings.get();
    if (const std::string_view setting = needs_restart(*before, *config); !setting.empty()) {
        spdlog::warn("event=config.needs_restart setting={}", setting);
    }
    // These settings are part of what has been issued, or were bound at the start.
    config->trust_domain = before->trust_domain;
    config->listen = before->listen;
    config->audit_file = before->audit_file;
    config->audit_key = before->audit_key;
    const auto record = record_of(actor, "config.reloaded");
    if (auto written = state_->audit->append(record); !written) {
        return written.error();
    }
    if (auto reopened = state_->audit->reopen(); !reopened) {
        spdlog::error("event=audit.reopen_failed detail={}", quoted(reopened.error().detail, 512));
    }
    state_->audit->set_rotate_bytes(config->audit_rotate_bytes);
    state_->ca.refusals.set(config->refusals_recorded);
    state_->ca.settings.set(std::move(*config));
    tick();
    return {};
}

void Service::rotate_audit_log() {
    if (auto rotated = state_->audit->rotate(); rotated) {
        spdlog::info("event=audit.rotated file={}", state_->ca.settings.get()->audit_file.string());
    } else {
        spdlog::error("event=audit.not_rotated detail={}", quoted(rotated.error().detail, 512));
    }
}

void Service::tick() {
    state_->age->look();
    state_->ca.refusals.tell_of_others();
    state_->ca.silent.tell(std::chrono::steady_clock::now());
    state_->memory.note(state_->https->connections(), state_->https->take_most_connections());
    const SystemTime now = state_->ca.clock();
    const auto config = state_->ca.settings.get();
    state_->warn_daily(now);
    // The clock may have been ahead when the certificate was made, and set right since.
    const bool is_too_early = pki::is_too_early(state_->own_not_before, now);
    if (is_too_early || now >= state_->renew_own_at || config->names != state_->own_names) {
        auto own = make_own_certificate(state_->ca.authority, *config, now);
        if (own) {
            state_->https->set_tls(own->tls);
            state_->own_not_before = own->not_before;
            state_->renew_own_at = own->renew_at;
            state_->own_names = config->names;
            spdlog::info("event=ca.own_certificate_renewed next={}", format_time(own->renew_at));
        } else {
            spdlog::error("event=ca.own_certificate_failed detail={}", quoted(own.error().detail, 512));
            state_->renew_own_at = now + minutes(1);
        }
    }
    if (auto job = state_->store_cleanup.due()) {
        state_->requests->post(Turn{"store_cleanup"}, std::move(*job), {});
    }
}

bool Service::is_responsive() {
    const unsigned asked = state_->probes;
    const bool all_answered =
        std::all_of(state_->heartbeats.begin(), state_->heartbeats.end(),
                    [&](const std::atomic<unsigned>& answered) { return answered == asked; });
    if (!all_answered) {
        return false;
    }
    ++state_->probes;
    for (std::size_t i = 0; i < state_->loops.size(); ++i) {
        std::atomic<unsigned>& answered = state_->heartbeats[i];
        boost::asio::post(state_->loops.at(i), [&answered, probe = state_->probes] { answered = probe; });
    }
    return true;
}

bool Service::drain() {
    state_->is_draining = true;
    return state_->https->drain(state_->ca.settings.get()->drain_timeout);
}

}  // namespace postern::ca

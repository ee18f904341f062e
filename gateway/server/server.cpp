#include "gateway/server/server.hpp"

#include <sys/resource.h>

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <spdlog/spdlog.h>

#include "base/counted.hpp"
#include "base/log.hpp"
#include "base/memory.hpp"
#include "base/process.hpp"
#include "gateway/policy/authorize.hpp"
#include "gateway/tunnel/connection.hpp"
#include "gateway/tunnel/records.hpp"

namespace postern::gateway {

namespace {

namespace asio = boost::asio;

constexpr std::chrono::seconds kSweepEvery{1};

Capacity capacity_of(const LimitSettings& limits, Fixtures fixtures) {
    rlimit files{};
    const bool is_known = ::getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur != RLIM_INFINITY;
    const Capacity wanted{limits.connections, limits.pending, limits.warm};
    return is_known ? fit_to_files(wanted, files.rlim_cur, fixtures) : wanted;
}

LimitBounds bounds_of(const LimitSettings& limits, Fixtures fixtures) {
    const Capacity fitting = capacity_of(limits, fixtures);
    LimitBounds bounds;
    bounds.connections = fitting.connections;
    bounds.per_address = net::share_of(fitting.connections, limits.connections, limits.connections_per_address, 2);
    bounds.per_identity =
        net::share_of(fitting.connections, limits.connections, limits.connections_per_identity, 4);
    bounds.warm = fitting.warm;
    bounds.warm_per_identity = net::share_of(fitting.warm, limits.warm, limits.warm_per_identity, 4);
    bounds.per_identity_per_minute = limits.connections_per_identity_per_minute;
    return bounds;
}

void log_capacity(const LimitSettings& limits, Fixtures fixtures) {
    const Capacity fitting = capacity_of(limits, fixtures);
    const LimitBounds bounds = bounds_of(limits, fixtures);
    spdlog::info(
        "event=limits.in_force connections={} per_address={} per_identity={} per_identity_per_minute={} "
        "pending={} warm={} warm_per_identity={}",
        bounds.connections, bounds.per_address, bounds.per_identity, bounds.per_identity_per_minute,
        fitting.pending, bounds.warm, bounds.warm_per_identity);
    if (fitting.connections < limits.connections || fitting.pending < limits.pending ||
        fitting.warm < limits.warm) {
        spdlog::warn("event=limits.reduced connections={} pending={} warm={} hint={}", fitting.connections,
                     fitting.pending, fitting.warm, quoted("raise the limit of open files (LimitNOFILE)"));
    }
}

void log_cut(std::size_t count, const char* why) {
    if (count > 0) {
        spdlog::info("event=tunnels.cut count={} why={}", count, why);
    }
}

/// Writes the records that the audit log could not take when they were due. A record is put back only after
/// it could not be written, so that it is not written a second time when the gateway stops.
asio::awaitable<void> catch_up(Worker& worker) {
    std::size_t count = 0;
    bool is_written = true;
    while (is_written && !worker.unwritten.empty()) {
        audit::Record record = std::move(worker.unwritten.front());
        worker.unwritten.pop_front();
        audit::Record attempt = record;
        const auto written = co_await worker.shared.audit.async_append(std::move(attempt));
        is_written = written.has_value();
        if (is_written) {
            ++count;
        } else {
            worker.unwritten.push_front(std::move(record));
        }
    }
    if (count > 0) {
        spdlog::info("event=audit.written_late action=connection.closed count={}", count);
    }
}

/// Writes these records once more after the loops have stopped. Records that cannot be written are lost.
void write_rest(Worker& worker, audit::Log& log) {
    std::size_t lost = 0;
    for (const audit::Record& record : worker.unwritten) {
        lost += log.append(record) ? 0 : 1;
    }
    worker.unwritten.clear();
    if (lost > 0) {
        spdlog::error("event=audit.not_written action=connection.closed count={}", lost);
    }
}

/// One kind of failed handshakes that are counted and have no records of their own.
struct Others {
    RecordBudget& budget;
    audit::Stage stage;
    /// A format string whose argument is their number.
    const char* message;
};

std::array<Others, 2> others(Shared& shared) {
    return {Others{shared.failed_handshakes, audit::Stage::tls, "{} more TLS handshakes failed meanwhile."},
            Others{shared.untimely_certificates, audit::Stage::certificate,
                   "{} more TLS handshakes failed meanwhile, with certificates that had expired or were not "
                   "valid yet."}};
}

audit::Record record_of(const Others& kind, std::size_t count) {
    return audit::record_of_more(count, kind.stage, fmt::format(fmt::runtime(kind.message), count));
}

/// Writes the records about refusals that were only counted.
asio::awaitable<void> tell_of_others(Worker& worker) {
    worker.shared.silent.tell(std::chrono::steady_clock::now());
    const std::array<Others, 2> kinds = others(worker.shared);
    for (const Others& kind : kinds) {
        const std::size_t count = kind.budget.take_untold();
        if (count == 0) {
            continue;
        }
        audit::Record record = record_of(kind, count);
        const auto written = co_await worker.shared.audit.async_append(std::move(record));
        if (!written) {
            // The count is written once the log works again, and is not logged every second of the outage.
            kind.budget.put_back(count);
            continue;
        }
        spdlog::warn("event=connection.rejected more={} stage={} reason=limit_reached", count,
                     audit::name(kind.stage));
    }
    const audit::BearerBudget::Untold untold = worker.shared.bearers.take_untold();
    if (untold.count == 0) {
        co_return;
    }
    audit::Record record = audit::record_of_more(untold);
    const auto written = co_await worker.shared.audit.async_append(std::move(record));
    if (!written) {
        worker.shared.bearers.put_back(untold);
        co_return;
    }
    const audit::Bearer& first = untold.shares.front().bearer;
    spdlog::warn("event=connection.rejected more={} reason=limit_reached user={} serial={} others={}",
                 untold.count, quoted(first.user, 64), quoted(first.serial, 64), untold.shares.size() - 1);
}

/// Runs once a second for as long as the loop: cuts expired tunnels and writes the records that are due.
asio::awaitable<void> sweep(Worker& worker) {
    asio::steady_timer timer(worker.loop);
    MemoryReturn memory;
    while (true) {
        timer.expires_after(kSweepEvery);
        co_await timer.async_wait(asio::use_awaitable);
        const Judgement judgement = worker.judgement();
        log_cut(worker.live.cut_expired(judgement), "expiry");
        const std::size_t proven = worker.live.size() + worker.warm.size();
        memory.note(proven + worker.pending.size(), proven + worker.pending.take_most());
        worker.shared.sessions.forget_before(judgement.now - judgement.expiry_grace);
        co_await catch_up(worker);
        co_await tell_of_others(worker);
    }
}

audit::LogOptions log_options(const AuditSettings& settings) {
    audit::LogOptions options;
    options.file = settings.file;
    options.key_file = settings.key;
    options.durability = settings.durability;
    options.rotate_bytes = settings.rotate_bytes;
    options.copies = settings.copies;
    options.program = "postern-gateway";
    return options;
}

/// Returns what keeps the gateway from letting anybody in. To be called on the worker's loop.
std::vector<http::HealthCheck> checks(const Worker& worker) {
    const bool has_list =
        check_current(worker.revocations.get(), worker.shared.now(), worker.snapshot->graces()).has_value();
    return {{"revocation_list", has_list ? "" : "there is no revocation list, or it is out of date"},
            {"audit_log", worker.shared.audit.is_available() ? "" : "the audit log cannot be written"},
            {"accepting", worker.is_draining ? "the gateway is shutting down" : ""}};
}

void log_warnings(const Snapshot& snapshot, SystemTime now) {
    for (const std::string& warning : snapshot.warnings(now)) {
        spdlog::warn("event=config.warning detail={}", quoted(warning, 512));
    }
}

}  // namespace

Server::Server(std::filesystem::path config, SnapshotPtr snapshot, std::unique_ptr<audit::Log> audit,
               Clock clock)
    : config_(std::move(config)),
      snapshot_(std::move(snapshot)),
      audit_(std::move(audit)),
      shared_{std::move(clock),
              *audit_,
              Limits(LimitBounds{}),
              ServiceSlots(),
              {},
              ConnectionDirectory(),
              RecordBudget(snapshot_->settings.limits.failed_handshakes_recorded),
              RecordBudget(snapshot_->settings.limits.failed_handshakes_recorded),
              audit::BearerBudget()},
      loops_(snapshot_->settings.threads) {
    shared_.limits.set(bounds_of(snapshot_->settings.limits, fixtures()));
}

Server::~Server() {
    close();
}

void Server::close() {
    if (crl_watch_) {
        // A CRL that it still publishes is posted to loops that have stopped, which is harmless.
        crl_watch_->stop();
    }
    for (net::Listener& listener : listeners_) {
        listener.stop();
    }
    if (admin_) {
        admin_->stop();
    }
    health_.reset();
    loops_.stop();
    if (audit_) {
        for (const auto& worker : workers_) {
            write_rest(*worker, *audit_);
        }
    }
    for (const Others& kind : others(shared_)) {
        if (const std::size_t count = kind.budget.take_untold(); count > 0 && audit_) {
            [[maybe_unused]] const auto told = audit_->append(record_of(kind, count));
        }
    }
    if (const auto untold = shared_.bearers.take_untold(); untold.count > 0 && audit_) {
        [[maybe_unused]] const auto told = audit_->append(audit::record_of_more(untold));
    }
    // Records that are being synced resume sessions when they are done, so the loops must still exist.
    audit_.reset();
}

Result<std::unique_ptr<Server>> Server::start(std::filesystem::path config, Clock clock) {
    auto snapshot = Snapshot::load(config);
    if (!snapshot) {
        return snapshot.error();
    }
    log_warnings(**snapshot, clock());
    auto log = audit::Log::open(log_options((*snapshot)->settings.audit), clock);
    if (!log) {
        return with_context("[audit]", log.error());
    }
    std::unique_ptr<Server> server(
        new Server(std::move(config), std::move(*snapshot), std::move(*log), std::move(clock)));
    log_capacity(server->snapshot_->settings.limits, server->fixtures());
    if (auto bound = server->bind(); !bound) {
        return bound.error();
    }
    server->make_workers();
    server->crl_watch_.emplace(
        server->snapshot_, server->shared_.clock, server->shared_.even,
        [gateway = server.get()](const RevocationsPtr& found) { gateway->publish(found); });
    server->loops_.start();
    server->accept();
    return server;
}

/// `threads` does not change without a restart, and neither do the addresses that are listened on. If a
/// reload changes the number of addresses, this is wrong by a few descriptors.
Fixtures Server::fixtures() const noexcept {
    return Fixtures{loops_.size(), snapshot_->settings.listen.size()};
}

Result<void> Server::bind() {
    for (const net::Address& address : snapshot_->settings.listen) {
        auto listener = net::Listener::bind(address);
        if (!listener) {
            return with_context(fmt::format("cannot listen on {}", address.text()), listener.error());
        }
        listeners_.push_back(std::move(*listener));
    }
    if (const auto& address = snapshot_->settings.health_listen) {
        auto listener = net::Listener::bind(*address);
        if (!listener) {
            return with_context(fmt::format("cannot listen on {}", address->text()), listener.error());
        }
        health_listener_.emplace(std::move(*listener));
    }
    if (const auto& path = snapshot_->settings.admin_socket) {
        auto admin = AdminSocket::bind(*path);
        if (!admin) {
            return admin.error();
        }
        admin_.emplace(std::move(*admin));
    }
    return {};
}

void Server::make_workers() {
    const std::size_t pending =
        std::max<std::size_t>(capacity_of(snapshot_->settings.limits, fixtures()).pending / loops_.size(), 1);
    for (std::size_t i = 0; i < loops_.size(); ++i) {
        workers_.push_back(std::make_unique<Worker>(loops_.at(i), shared_, snapshot_, nullptr, pending));
        net::spawn(loops_.at(i), "sweep", sweep(*workers_.back()));
    }
}

void Server::accept() {
    for (net::Listener& listener : listeners_) {
        listener.accept_on(loops_, [this](asio::io_context& loop, std::size_t index,
                                          net::PlainStream stream) {
            Worker& worker = *workers_[index];
            Counted undecided(worker.undecided);
            net::spawn(loop, "connection", serve_connection(worker, std::move(stream), std::move(undecided)));
        });
    }
    if (health_listener_) {
        health_.emplace(loops_, std::move(*health_listener_),
                        [this](std::size_t loop) { return checks(*workers_[loop]); });
    }
    if (admin_) {
        const AdminSocket::Kill kill = [this](const Selection& selection) {
            for (const auto& worker : workers_) {
                asio::post(worker->loop, [&worker = *worker, selection] {
                    worker.live.cut_selected(selection, Code::killed);
                });
            }
        };
        admin_->serve(loops_, shared_, snapshot_->settings.name, kill);
    }
}

void Server::publish(const RevocationsPtr& revocations) {
    for (const auto& worker : workers_) {
        asio::post(worker->loop, [&worker = *worker, revocations] {
            worker.revocations = revocations;
            log_cut(worker.live.judge_all(worker.judgement()), "revocation");
        });
    }
}

std::vector<unsigned short> Server::ports() const {
    std::vector<unsigned short> ports;
    for (const net::Listener& listener : listeners_) {
        ports.push_back(listener.port());
    }
    return ports;
}

Result<void> Server::reload() {
    if (auto reopened = audit_->reopen(); !reopened) {
        spdlog::error("event=audit.not_reopened detail={}", quoted(reopened.error().detail, 512));
    }
    auto loaded = Snapshot::load(config_);
    auto recorded = record_reload(loaded);
    if (!loaded) {
        return loaded.error();
    }
    // As for a connection, what cannot be recorded does not happen.
    if (!recorded) {
        spdlog::error("event=config.not_reloaded file={} reason={}", config_.string(),
                      name(recorded.error().code));
        return recorded;
    }
    spdlog::info("event=config.reloaded file={}", config_.string());
    log_warnings(**loaded, shared_.clock());
    const auto late = changes_that_need_restart(snapshot_->settings, (*loaded)->settings);
    if (!late.empty()) {
        spdlog::warn("event=config.needs_restart keys={}", fmt::join(late, ","));
    }
    const bool has_other_trust = snapshot_->user_ca.pem() != (*loaded)->user_ca.pem();
    snapshot_ = std::move(*loaded);
    shared_.limits.set(bounds_of(snapshot_->settings.limits, fixtures()));
    log_capacity(snapshot_->settings.limits, fixtures());
    for (const Others& kind : others(shared_)) {
        kind.budget.set(snapshot_->settings.limits.failed_handshakes_recorded);
    }
    audit_->set_rotate_bytes(snapshot_->settings.audit.rotate_bytes);
    crl_watch_->set(snapshot_);
    for (const auto& worker : workers_) {
        asio::post(worker->loop, [&worker = *worker, snapshot = snapshot_, has_other_trust] {
            worker.snapshot = snapshot;
            if (has_other_trust) {
                const SystemTime now = worker.shared.clock();
                log_cut(worker.live.judge_trust(snapshot->user_ca, now), "trust");
            }
            log_cut(worker.live.judge_all(worker.judgement()), "settings");
        });
    }
    return {};
}

void Server::rotate_audit_log() {
    if (auto rotated = audit_->rotate(); rotated) {
        spdlog::info("event=audit.rotated file={}", snapshot_->settings.audit.file.string());
    } else {
        spdlog::error("event=audit.not_rotated detail={}", quoted(rotated.error().detail, 512));
    }
}

void Server::warn() const {
    log_warnings(*snapshot_, shared_.clock());
}

Result<void> Server::record_reload(const Result<SnapshotPtr>& loaded) {
    audit::Record record;
    record.action = "config.reloaded";
    record.is_success = loaded.has_value();
    if (loaded) {
        record.message = "The configuration was read again and is in force.";
    } else {
        record.reason = loaded.error().code;
        record.message = "The configuration could not be read; the old one stays in force.";
        spdlog::error("event=config.not_reloaded file={} detail={}", config_.string(),
                      quoted(loaded.error().detail, 2048));
    }
    record.extra = {{"file", {{"path", config_.string()}}}};
    auto appended = audit_->append(record);
    if (!appended) {
        spdlog::error("event=audit.not_written action={} detail={}", record.action,
                      quoted(appended.error().detail, 512));
        return Failure{Code::audit_unavailable, appended.error().detail};
    }
    return {};
}

void Server::stop_accepting() {
    for (net::Listener& listener : listeners_) {
        listener.stop();
    }
    for (const auto& worker : workers_) {
        asio::post(worker->loop, [&worker = *worker] {
            worker.is_draining = true;
            worker.pending.cut_all();
            worker.warm.cut_all();
        });
    }
}

void Server::cut_all(Code reason) {
    for (const auto& worker : workers_) {
        asio::post(worker->loop, [&worker = *worker, reason] { worker.live.cut_all(reason); });
    }
}

std::size_t Server::tunnels() const {
    std::size_t count = 0;
    for (const auto& worker : workers_) {
        count += worker->tunnels.load();
    }
    return count;
}

bool Server::is_drained() const {
    return std::ranges::all_of(workers_, [](const auto& worker) {
        return worker->is_draining.load() && worker->tunnels.load() == 0 && worker->undecided.load() == 0;
    });
}

bool Server::check_alive() {
    const bool all_answered =
        std::ranges::all_of(workers_, [&](const auto& worker) { return worker->beat.load() == beat_; });
    if (all_answered) {
        ++beat_;
        for (const auto& worker : workers_) {
            asio::post(worker->loop, [&worker = *worker, beat = beat_] { worker.beat.store(beat); });
        }
    }
    return all_answered;
}

}  // namespace postern::gateway

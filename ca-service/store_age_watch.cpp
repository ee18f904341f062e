#include "ca-service/store_age_watch.hpp"

#include <spdlog/spdlog.h>

#include "base/log.hpp"
#include "ca-service/store/changes.hpp"
#include "ca-service/store_age.hpp"

namespace postern::ca {

namespace {

using std::chrono::steady_clock;

constexpr std::chrono::seconds kLookEvery{2};
constexpr std::chrono::minutes kTellEvery{1};

}  // namespace

Result<std::unique_ptr<StoreAgeWatch>> StoreAgeWatch::start(const std::filesystem::path& store, Ca& ca) {
    auto database = store::Database::open(store);
    if (!database) {
        return database.error();
    }
    std::unique_ptr<StoreAgeWatch> watch(new StoreAgeWatch(std::move(*database), ca));
    if (auto compared = watch->compare(); !compared) {
        return with_context("the store and the audit log", compared.error());
    }
    return watch;
}

Result<void> StoreAgeWatch::compare() {
    looked_at_ = steady_clock::now();
    const auto config = ca_.settings.get();
    const auto age = compare_with_log(database_, config->audit_file);
    if (!age) {
        return age.error();
    }
    if (age->is_unfinished()) {
        const auto done =
            catch_up(database_, ca_.audit, *config, Actor::local_administrator(), ca_.clock, false);
        if (!done) {
            return done.error();
        }
        spdlog::warn("event=store.caught_up change={}", *age->in_log);
    }
    if (!age->in_log && age->in_store > 0) {
        spdlog::warn("event=store.not_compared hint={}",
                     quoted("the audit log tells of no change of the store: was it taken away?"));
    }
    const bool was_restored = ca_.is_store_restored.exchange(age->is_restored());
    if (was_restored && !age->is_restored()) {
        spdlog::warn("event=store.accepted change={}", age->in_store);
    }
    const auto now = steady_clock::now();
    if (age->is_restored() && (!told_at_ || now - *told_at_ >= kTellEvery)) {
        told_at_ = now;
        spdlog::error("event=store.restored detail={} hint={}", quoted(told(*age), 512),
                      quoted("nobody is let in or told of revocations until this is run: postern-ca store "
                             "accept-restore"));
    }
    return {};
}

/// Returns whether the log has a change that is not in the store, because a process ended between the two.
bool StoreAgeWatch::is_behind() {
    const auto newest = ca_.logged.newest();
    const auto counter = store::change_counter(database_);
    return newest && counter && *newest > *counter;
}

void StoreAgeWatch::look() {
    const bool is_due = ca_.is_store_restored ? steady_clock::now() - *looked_at_ >= kLookEvery : is_behind();
    if (!is_due) {
        return;
    }
    const auto compared = compare();
    std::string complaint = compared ? std::string() : compared.error().detail;
    if (!complaint.empty() && complaint != complaint_) {
        spdlog::error("event=store.not_compared detail={}", quoted(complaint, 512));
    }
    complaint_ = std::move(complaint);
}

}  // namespace postern::ca

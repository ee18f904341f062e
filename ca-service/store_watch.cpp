#include "ca-service/store_watch.hpp"

#include <utility>

#include <spdlog/spdlog.h>

#include "base/log.hpp"

namespace postern::ca {

namespace {

constexpr std::chrono::seconds kLongestSilence{10};

}  // namespace

StoreWatch::StoreWatch(store::Database database, Ca& ca)
    : database_(std::move(database)), ca_(ca), answered_at_(std::chrono::steady_clock::now()) {}

Result<std::unique_ptr<StoreWatch>> StoreWatch::start(const std::filesystem::path& store, Ca& ca) {
    auto database = store::Database::open(store);
    if (!database) {
        return database.error();
    }
    std::unique_ptr<StoreWatch> watch(new StoreWatch(std::move(*database), ca));
    watch->look();
    watch->thread_ = std::thread([raw = watch.get()] { raw->run(); });
    return watch;
}

StoreWatch::~StoreWatch() {
    {
        const std::lock_guard lock(mutex_);
        is_stopping_ = true;
    }
    wake_.notify_all();
    thread_.join();
}

void StoreWatch::look_now() {
    {
        const std::lock_guard lock(mutex_);
        is_wanted_ = true;
    }
    wake_.notify_all();
}

Result<void> StoreWatch::health() const {
    const std::lock_guard lock(mutex_);
    if (std::chrono::steady_clock::now() - answered_at_ < kLongestSilence) {
        return {};
    }
    return Failure{Code::unavailable, complaint_.value_or("the store does not answer")};
}

void StoreWatch::run() {
    while (true) {
        {
            std::unique_lock lock(mutex_);
            wake_.wait_for(lock, kLookEvery, [this] { return is_stopping_ || is_wanted_; });
            if (is_stopping_) {
                return;
            }
            is_wanted_ = false;
        }
        look();
    }
}

void StoreWatch::look() {
    if (ca_.is_store_restored) {
        const std::lock_guard lock(mutex_);
        answered_at_ = std::chrono::steady_clock::now();
        return;
    }
    if (auto written = ca_.gateways.write(database_, ca_.clock()); !written) {
        spdlog::debug("event=gateways.not_noted detail={}", quoted(written.error().detail, 512));
    }
    const auto published = ca_.crls.update(database_, ca_.settings.get()->crl_lifetime);
    const std::lock_guard lock(mutex_);
    if (published) {
        answered_at_ = std::chrono::steady_clock::now();
        complaint_.reset();
        return;
    }
    if (complaint_ != published.error().detail) {
        complaint_ = published.error().detail;
        spdlog::error("event=crl.not_made reason={} detail={}", name(published.error().code),
                      quoted(published.error().detail, 512));
    }
}

}  // namespace postern::ca

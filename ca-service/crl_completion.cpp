#include "ca-service/crl_completion.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include <spdlog/spdlog.h>

#include "base/log.hpp"

namespace postern::ca {

namespace {

using std::chrono::steady_clock;

constexpr std::chrono::milliseconds kLookEvery{200};
/// The rest before the next list, as a multiple of the time that the last one took.
constexpr int kRestTimes = 9;

}  // namespace

CrlCompletion::CrlCompletion(store::Database database, Ca& ca) : database_(std::move(database)), ca_(ca) {}

Result<std::unique_ptr<CrlCompletion>> CrlCompletion::start(const std::filesystem::path& store, Ca& ca) {
    auto database = store::Database::open(store);
    if (!database) {
        return database.error();
    }
    std::unique_ptr<CrlCompletion> completion(new CrlCompletion(std::move(*database), ca));
    completion->thread_ = std::thread([raw = completion.get()] { raw->run(); });
    return completion;
}

CrlCompletion::~CrlCompletion() {
    {
        const std::lock_guard lock(mutex_);
        is_stopping_ = true;
    }
    wake_.notify_all();
    thread_.join();
}

void CrlCompletion::run() {
    steady_clock::duration rest = kLookEvery;
    while (true) {
        {
            std::unique_lock lock(mutex_);
            if (wake_.wait_for(lock, rest, [this] { return is_stopping_; })) {
                return;
            }
        }
        rest = kLookEvery;
        if (!ca_.is_store_restored && ca_.crls.is_complete_due()) {
            const auto began = steady_clock::now();
            complete();
            rest = std::max(rest, (steady_clock::now() - began) * kRestTimes);
        }
    }
}

void CrlCompletion::complete() {
    const auto made = ca_.crls.complete(database_, ca_.settings.get()->crl_lifetime);
    std::string complaint = made ? std::string() : made.error().detail;
    if (complaint != complaint_ && !made) {
        spdlog::error("event=crl.not_completed reason={} detail={}", name(made.error().code),
                      quoted(complaint, 512));
    }
    complaint_ = std::move(complaint);
}

}  // namespace postern::ca

// The one thread that looks at the store for callers that must not wait: it keeps the published revocation
// list current, whichever process revoked, and knows whether the store answers.
#pragma once

#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "base/result.hpp"
#include "ca-service/ca.hpp"
#include "ca-service/store/database.hpp"

namespace postern::ca {

/// Runs the thread. Thread-safe.
class StoreWatch {
public:
    /// How much later than a revocation its list may come, apart from the time of the signature.
    static constexpr std::chrono::milliseconds kLookEvery{100};

    /// Looks once before it returns, then starts the thread. Fails as store::Database::open() does. A list
    /// that cannot be made is logged and tried again. `ca` must outlive this object.
    static Result<std::unique_ptr<StoreWatch>> start(const std::filesystem::path& store, Ca& ca);
    ~StoreWatch();
    StoreWatch(const StoreWatch&) = delete;
    StoreWatch& operator=(const StoreWatch&) = delete;

    /// Makes the thread look now, because something was just revoked. Does not wait for it.
    void look_now();
    /// Fails with Code::unavailable and the cause when the store has not answered for ten seconds.
    Result<void> health() const;

private:
    StoreWatch(store::Database database, Ca& ca);
    void run();
    void look();

    store::Database database_;
    Ca& ca_;
    mutable std::mutex mutex_;
    std::condition_variable wake_;
    bool is_wanted_ = false;
    bool is_stopping_ = false;
    std::chrono::steady_clock::time_point answered_at_;
    /// The error of the last look, if it failed.
    std::optional<std::string> complaint_;
    std::thread thread_;
};

}  // namespace postern::ca

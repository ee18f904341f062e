// Holds the service back while its store is one that was put back from a backup, until an administrator has
// accepted that.
#pragma once

#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>

#include "base/result.hpp"
#include "ca-service/ca.hpp"
#include "ca-service/store/database.hpp"

namespace postern::ca {

/// To be used on one thread.
class StoreAgeWatch {
public:
    /// Compares store and log, finishes a change that was interrupted, and sets Ca::is_store_restored. Fails
    /// as Database::open and compare_with_log() do. `ca` must outlive it.
    static Result<std::unique_ptr<StoreAgeWatch>> start(const std::filesystem::path& store, Ca& ca);

    /// Finishes a change that another process has left undone. While the store is not accepted: looks again every few
    /// seconds, and says so every minute. To be called every second or so.
    void look();

private:
    StoreAgeWatch(store::Database database, Ca& ca) : database_(std::move(database)), ca_(ca) {}
    Result<void> compare();
    bool is_behind();

    store::Database database_;
    Ca& ca_;
    std::optional<std::chrono::steady_clock::time_point> looked_at_;
    std::optional<std::chrono::steady_clock::time_point> told_at_;
    std::string complaint_;
};

}  // namespace postern::ca

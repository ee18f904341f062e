// Holds the service back while its store is one that was restored from a backup, until an administrator has
// accepted that store.
#pragma once

#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>

#include "base/result.hpp"
#include "ca-service/ca.hpp"
#include "ca-service/store/database.hpp"

namespace postern::ca {

/// Sets Ca::is_store_restored. Must be used on one thread.
class StoreAgeWatch {
public:
    /// Compares the store with the log, finishes a change that was interrupted, and sets
    /// Ca::is_store_restored. Fails as store::Database::open(), compare_with_log() and catch_up() do. `ca`
    /// must outlive this object.
    static Result<std::unique_ptr<StoreAgeWatch>> start(const std::filesystem::path& store, Ca& ca);

    /// Finishes a change that another process has left unfinished. While a restored store is not accepted,
    /// compares again every few seconds and logs that every minute. Call it about every second.
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

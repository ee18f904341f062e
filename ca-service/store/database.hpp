// One connection to the CA's state, and the rules under which it is written: WAL, foreign keys on, and a
// commit that has reached the disk before it counts. The only place that knows which engine is behind SOCI.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string_view>
#include <utility>

#include "base/clock.hpp"
#include "base/result.hpp"

namespace soci {
class session;
}

namespace postern::ca::store {

/// Not thread-safe: each thread opens its own. Several processes may have the same file open.
class Database {
public:
    /// Opens the file, creates it (0600) when it is absent, and brings its schema up to date.
    /// Code::config_invalid when a newer program wrote it, Code::unavailable when it stayed locked,
    /// Code::io_failed otherwise.
    static Result<Database> open(const std::filesystem::path& file);
    /// For commands that only look: needs no room on the disk and no right to write, so that they work where
    /// nothing else does. Of an older program's store it is open(). Code::not_found when there is no file.
    static Result<Database> open_to_read(const std::filesystem::path& file);
    Database(Database&&) noexcept;
    Database& operator=(Database&&) noexcept;
    ~Database();

    soci::session& session() noexcept { return *session_; }

    /// What begin_change() asks for the newest change that is recorded elsewhere; nothing where nobody records.
    using NewestRecorded = std::function<Result<std::uint64_t>()>;
    void set_newest_recorded(NewestRecorded newest) { newest_recorded_ = std::move(newest); }
    const NewestRecorded& newest_recorded() const noexcept { return newest_recorded_; }

private:
    explicit Database(std::unique_ptr<soci::session> session);
    std::unique_ptr<soci::session> session_;
    NewestRecorded newest_recorded_;
};

/// Rolled back when it goes without commit(). Transactions do not nest.
class Transaction {
public:
    /// Takes the write lock at once (waiting up to the busy timeout), so that what is read inside stays true
    /// until commit.
    static Result<Transaction> write(Database& database);
    /// One consistent snapshot for several reads.
    static Result<Transaction> read(Database& database);
    Transaction(Transaction&& other) noexcept : database_(std::exchange(other.database_, nullptr)) {}
    Transaction& operator=(Transaction&&) = delete;
    ~Transaction();

    /// When it returns without failure the changes survive a power cut.
    Result<void> commit();

private:
    explicit Transaction(Database& database) : database_(&database) {}
    Database* database_;
};

/// Runs a statement whose one parameter is a time, and returns how many rows it changed.
Result<long long> execute(Database& database, std::string_view what, const char* statement, SystemTime time);

/// What to do about what a failure of the store names as its cause; empty where it names none.
std::string_view advice_on(const Failure& failure) noexcept;

/// The failure for the SOCI exception that is being handled; any other exception goes on.
Failure failure_in_flight(std::string_view what);

/// Runs `body`, which returns a Result, and turns the engine's exceptions into its failure.
template <class Body>
auto guarded(std::string_view what, Body&& body) -> decltype(body()) {
    try {
        return std::forward<Body>(body)();
    } catch (...) {
        return failure_in_flight(what);
    }
}

/// Times are stored as microseconds since 1970; 0 stands for "never".
inline long long to_stored(SystemTime time) {
    return time.time_since_epoch().count();
}
inline SystemTime from_stored(long long microseconds) {
    return SystemTime(std::chrono::microseconds(microseconds));
}

}  // namespace postern::ca::store

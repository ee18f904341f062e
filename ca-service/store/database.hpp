// A connection to the CA's state, and the rules under which it is written: WAL, foreign keys on, and a commit
// that has reached the disk before it counts. No other file opens the engine that is behind SOCI.
//
// Every function of this folder that takes a Database fails with Code::unavailable while another process
// holds the lock, with Code::already_exists where it violates a constraint, and with Code::io_failed for all
// else. Its comment names further codes.
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

/// A connection to the store. Not thread-safe: each thread opens its own. Several processes may have the same
/// file open.
class Database {
public:
    /// Opens the file, creates it (0600) when it is absent, and brings its schema up to date. Fails with
    /// Code::config_invalid when a newer program wrote it, with Code::unavailable when it stayed locked, and
    /// with Code::io_failed otherwise.
    static Result<Database> open(const std::filesystem::path& file);
    /// Opens the file for commands that only read. It needs no free space and no right to write, so that they
    /// work where nothing else does. A store that an older program wrote is opened as open() does. Fails with
    /// Code::not_found when there is no file.
    static Result<Database> open_to_read(const std::filesystem::path& file);
    Database(Database&&) noexcept;
    Database& operator=(Database&&) noexcept;
    ~Database();

    soci::session& session() noexcept { return *session_; }

    /// Returns the newest change that is recorded in the audit log, for begin_change(). It is empty where
    /// nobody records.
    using NewestRecorded = std::function<Result<std::uint64_t>()>;
    void set_newest_recorded(NewestRecorded newest) { newest_recorded_ = std::move(newest); }
    const NewestRecorded& newest_recorded() const noexcept { return newest_recorded_; }

private:
    explicit Database(std::unique_ptr<soci::session> session);
    std::unique_ptr<soci::session> session_;
    NewestRecorded newest_recorded_;
};

/// A transaction. It is rolled back when it is destroyed without commit(). Transactions do not nest.
class Transaction {
public:
    /// Takes the write lock at once, so that what is read inside stays true until the commit. Fails with
    /// Code::unavailable when the lock stays taken for the busy timeout.
    static Result<Transaction> write(Database& database);
    /// Begins one consistent snapshot for several reads.
    static Result<Transaction> read(Database& database);
    Transaction(Transaction&& other) noexcept : database_(std::exchange(other.database_, nullptr)) {}
    Transaction& operator=(Transaction&&) = delete;
    ~Transaction();

    /// Commits. When it succeeds, the changes survive a power cut.
    Result<void> commit();

private:
    explicit Transaction(Database& database) : database_(&database) {}
    Database* database_;
};

/// Runs a statement whose one parameter is a time, and returns how many rows it changed. `what` says what
/// could not be done if it fails.
Result<long long> execute(Database& database, std::string_view what, const char* statement, SystemTime time);

/// Returns what an administrator can do about the cause that a failure of the store names; empty where it
/// names none.
std::string_view advice_on(const Failure& failure) noexcept;

/// Returns the failure for the SOCI exception that is being handled; any other exception is thrown on. `what`
/// says what could not be done.
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

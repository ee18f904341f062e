#include "ca-service/store/database.hpp"

#include <sys/stat.h>

#include <string>

#include <fmt/format.h>
#include <soci/soci.h>
#include <soci/sqlite3/soci-sqlite3.h>

#include "ca-service/store/schema.hpp"

namespace postern::ca::store {

namespace {

constexpr int kBusyTimeoutSeconds = 5;

/// Settings that belong to a connection, not to the file.
void configure(soci::session& sql) {
    // The mode stays with the file; asking for it again would need the lock.
    std::string mode;
    sql << "PRAGMA journal_mode", soci::into(mode);
    if (mode != "wal") {
        sql << "PRAGMA journal_mode=WAL", soci::into(mode);
        if (mode != "wal") {
            throw soci::soci_error("the file system does not carry write-ahead logging");
        }
    }
    // In WAL mode only FULL syncs the log at each commit.
    sql << "PRAGMA synchronous=FULL";
    sql << "PRAGMA foreign_keys=ON";
    int has_foreign_keys = 0;
    sql << "PRAGMA foreign_keys", soci::into(has_foreign_keys);
    if (has_foreign_keys != 1) {
        throw soci::soci_error("foreign keys cannot be switched on");
    }
}

}  // namespace

Failure failure_in_flight(std::string_view what) {
    try {
        throw;
    } catch (const soci::sqlite3_soci_error& error) {
        const int primary = error.result() & 0xff;
        const bool is_busy = primary == SQLITE_BUSY || primary == SQLITE_LOCKED;
        const bool is_duplicate = primary == SQLITE_CONSTRAINT;
        const Code code =
            is_busy ? Code::unavailable : (is_duplicate ? Code::already_exists : Code::io_failed);
        return Failure{code, fmt::format("{}: {}", what, error.what())};
    } catch (const soci::soci_error& error) {
        return Failure{Code::io_failed, fmt::format("{}: {}", what, error.what())};
    }
}

Result<long long> execute(Database& database, std::string_view what, const char* statement, SystemTime time) {
    return guarded(what, [&]() -> Result<long long> {
        const long long stored = to_stored(time);
        soci::statement run = (database.session().prepare << statement, soci::use(stored));
        run.execute(true);
        return run.get_affected_rows();
    });
}

Database::Database(std::unique_ptr<soci::session> session) : session_(std::move(session)) {}
Database::Database(Database&&) noexcept = default;
Database& Database::operator=(Database&&) noexcept = default;
Database::~Database() = default;

Result<Database> Database::open(const std::filesystem::path& file) {
    const std::string what = fmt::format("cannot open {}", file.string());
    return guarded(what, [&]() -> Result<Database> {
        // SOCI reads `key=value` words; quotes keep a path with spaces in one piece.
        if (file.string().find('"') != std::string::npos) {
            return Failure{Code::config_invalid, what + ": the path holds a quote"};
        }
        auto session = std::make_unique<soci::session>(
            soci::sqlite3, fmt::format("db=\"{}\" timeout={}", file.string(), kBusyTimeoutSeconds));
        configure(*session);
        ::chmod(file.c_str(), 0600);
        Database database(std::move(session));
        if (auto migrated = migrate(database); !migrated) {
            return with_context(what, migrated.error());
        }
        return database;
    });
}

Result<Transaction> Transaction::write(Database& database) {
    return guarded("cannot lock the store", [&]() -> Result<Transaction> {
        database.session() << "BEGIN IMMEDIATE";
        return Transaction(database);
    });
}

Result<Transaction> Transaction::read(Database& database) {
    return guarded("cannot read the store", [&]() -> Result<Transaction> {
        database.session() << "BEGIN";
        return Transaction(database);
    });
}

Transaction::~Transaction() {
    if (database_ == nullptr) {
        return;
    }
    try {
        database_->session() << "ROLLBACK";
    } catch (const soci::soci_error&) {
        // SQLite has rolled back by itself: a full disk or an I/O error ends the transaction.
    }
}

Result<void> Transaction::commit() {
    return guarded("cannot commit", [&]() -> Result<void> {
        database_->session() << "COMMIT";
        database_ = nullptr;
        return {};
    });
}

}  // namespace postern::ca::store

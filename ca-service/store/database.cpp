#include "ca-service/store/database.hpp"

#include <sys/stat.h>
#include <sys/statvfs.h>

#include <algorithm>
#include <array>
#include <string>

#include <fmt/format.h>
#include <soci/soci.h>
#include <soci/sqlite3/soci-sqlite3.h>

#include "ca-service/store/schema.hpp"

namespace postern::ca::store {

namespace {

constexpr int kBusyTimeoutSeconds = 5;

/// A cause of a failure that an administrator can do something about.
struct Cause {
    int code;
    std::string_view text;
    std::string_view advice;
};
constexpr std::array<Cause, 5> kCauses{
    {{SQLITE_FULL, "the disk is full",
      "make room on the disk of the CA's folder; commands that only list work meanwhile"},
     {SQLITE_READONLY, "it may only be read",
      "see whether the disk is mounted read-only (findmnt), and whose state.db is; commands that only list "
      "work meanwhile"},
     {SQLITE_NOTADB, "it is no SQLite database",
      "put state.db back from a backup; another file stands in its place, or it was overwritten"},
     {SQLITE_CORRUPT, "it is damaged",
      "put state.db back from a backup; its disk may fail, so look at the kernel's log first"},
     {SQLITE_CANTOPEN, "it cannot be opened",
      "see whether state.db is there, and whether its folder may be entered by who runs this"}}};

const Cause* cause_of(int code) {
    const auto found =
        std::find_if(kCauses.begin(), kCauses.end(), [&](const Cause& cause) { return cause.code == code; });
    return found == kCauses.end() ? nullptr : &*found;
}

/// Names the state of the disk where it explains the failure. SQLite reports an input/output error, or that
/// it cannot open the file, where it cannot write what it keeps beside the file.
Failure with_state_of_disk(Failure failure, std::string_view what, const std::filesystem::path& file) {
    struct statvfs disk {};
    const auto folder = file.has_parent_path() ? file.parent_path() : std::filesystem::path(".");
    const bool is_vague = failure.detail.find(cause_of(SQLITE_NOTADB)->text) == std::string::npos &&
                          failure.detail.find(cause_of(SQLITE_CORRUPT)->text) == std::string::npos;
    if (failure.code != Code::io_failed || !is_vague || ::statvfs(folder.c_str(), &disk) != 0) {
        return failure;
    }
    const int code = (disk.f_flag & ST_RDONLY) != 0 ? SQLITE_READONLY
                     : disk.f_bavail == 0           ? SQLITE_FULL
                                                    : SQLITE_OK;
    if (const Cause* cause = cause_of(code)) {
        failure.detail = fmt::format("{}: {}", what, cause->text);
    }
    return failure;
}

/// Sets what belongs to a connection, not to the file.
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
        if (const Cause* cause = cause_of(primary)) {
            return Failure{code, fmt::format("{}: {}", what, cause->text)};
        }
        return Failure{
            code, fmt::format("{}: {}", what, is_busy ? "another process holds its lock" : error.what())};
    } catch (const soci::soci_error& error) {
        return Failure{Code::io_failed, fmt::format("{}: {}", what, error.what())};
    }
}

std::string_view advice_on(const Failure& failure) noexcept {
    for (const Cause& cause : kCauses) {
        if (failure.detail.ends_with(cause.text)) {
            return cause.advice;
        }
    }
    return {};
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

namespace {

/// Opens a session. SOCI reads `key=value` words; quotes keep a path with spaces in one piece.
std::unique_ptr<soci::session> connect(const std::string& database, std::string_view more = {}) {
    return std::make_unique<soci::session>(
        soci::sqlite3, fmt::format("db=\"{}\" timeout={}{}", database, kBusyTimeoutSeconds, more));
}

/// Returns "file:…?immutable=1" (https://sqlite.org/uri.html): nothing is kept beside the file, and nobody
/// changes it.
std::string immutable(const std::filesystem::path& file) {
    std::string uri = "file:";
    for (const char c : file.string()) {
        uri += c == '?' || c == '#' || c == '%' ? fmt::format("%{:02x}", static_cast<unsigned char>(c))
                                                : std::string(1, c);
    }
    return uri + "?immutable=1";
}

Result<std::unique_ptr<soci::session>> connect_to_read(std::string_view what, const std::string& database) {
    return guarded(what, [&]() -> Result<std::unique_ptr<soci::session>> {
        auto session = connect(database, " readonly=1");
        int count = 0;
        // SQLite looks at the file only now.
        *session << "SELECT COUNT(*) FROM sqlite_master", soci::into(count);
        return session;
    });
}

Failure quoted_path(std::string_view what) {
    return Failure{Code::config_invalid, fmt::format("{}: the path holds a quote", what)};
}

}  // namespace

Result<Database> Database::open_to_read(const std::filesystem::path& file) {
    const std::string what = fmt::format("cannot read {}", file.string());
    if (file.string().find('"') != std::string::npos) {
        return quoted_path(what);
    }
    std::error_code error;
    if (!std::filesystem::exists(file, error)) {
        return Failure{error ? Code::io_failed : Code::not_found,
                       fmt::format("{}: {}", what, error ? error.message() : "there is no such file")};
    }
    auto session = connect_to_read(what, file.string());
    // Without a write-ahead log beside it, the file alone is complete.
    const auto log_bytes = std::filesystem::file_size(file.string() + "-wal", error);
    if (!session && session.error().code == Code::io_failed && (error || log_bytes == 0)) {
        if (auto again = connect_to_read(what, immutable(file)); again) {
            session = std::move(again);
        }
    }
    if (!session) {
        return with_state_of_disk(session.error(), what, file);
    }
    Database database(std::move(*session));
    const auto version = schema_version(database);
    if (!version) {
        return with_context(what, version.error());
    }
    if (*version == newest_schema_version()) {
        return database;
    }
    return open(file);
}

Result<Database> Database::open(const std::filesystem::path& file) {
    const std::string what = fmt::format("cannot open {}", file.string());
    auto opened = guarded(what, [&]() -> Result<Database> {
        if (file.string().find('"') != std::string::npos) {
            return quoted_path(what);
        }
        auto session = connect(file.string());
        configure(*session);
        ::chmod(file.c_str(), 0600);
        Database database(std::move(session));
        if (auto migrated = migrate(database); !migrated) {
            return with_context(what, migrated.error());
        }
        return database;
    });
    return opened ? std::move(opened) : with_state_of_disk(opened.error(), what, file);
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

#include "ca-service/store/schema.hpp"

#include <array>
#include <vector>

#include <fmt/format.h>
#include <soci/soci.h>

namespace postern::ca::store {

namespace {

/// Returns the steps from each version to the next. A step that has been released is never edited: the next
/// change is a new step. The SQL is what SQLite and PostgreSQL share.
const std::vector<std::vector<const char*>>& steps() {
    static const std::vector<std::vector<const char*>> kSteps{
        {
            "CREATE TABLE users ("
            " name TEXT PRIMARY KEY,"
            " password_hash TEXT NOT NULL,"
            " is_disabled BIGINT NOT NULL DEFAULT 0,"
            " created_at BIGINT NOT NULL,"
            " password_changed_at BIGINT NOT NULL)",

            "CREATE TABLE user_groups ("
            " user_name TEXT NOT NULL REFERENCES users (name) ON DELETE CASCADE,"
            " group_name TEXT NOT NULL,"
            " PRIMARY KEY (user_name, group_name))",

            "CREATE TABLE sessions ("
            " id TEXT PRIMARY KEY,"
            " user_name TEXT NOT NULL REFERENCES users (name) ON DELETE CASCADE,"
            " created_at BIGINT NOT NULL,"
            " expires_at BIGINT NOT NULL,"
            " ended_at BIGINT NOT NULL DEFAULT 0)",
            "CREATE INDEX sessions_by_user ON sessions (user_name)",
            "CREATE INDEX sessions_by_expiry ON sessions (expires_at)",

            // There is no cascade: a certificate's row must outlive everything until the certificate can no
            // longer be presented.
            "CREATE TABLE certificates ("
            " serial TEXT PRIMARY KEY,"
            " user_name TEXT NOT NULL,"
            " session_id TEXT NOT NULL REFERENCES sessions (id),"
            " not_before BIGINT NOT NULL,"
            " not_after BIGINT NOT NULL,"
            " issued_at BIGINT NOT NULL,"
            " revoked_at BIGINT NOT NULL DEFAULT 0,"
            " revocation_reason BIGINT NOT NULL DEFAULT 0)",
            "CREATE INDEX certificates_by_user ON certificates (user_name)",
            "CREATE INDEX certificates_by_session ON certificates (session_id)",
            "CREATE INDEX certificates_by_expiry ON certificates (not_after)",
            "CREATE INDEX certificates_revoked ON certificates (not_after) WHERE revoked_at <> 0",

            "CREATE TABLE server_certificates ("
            " serial TEXT PRIMARY KEY,"
            " kind TEXT NOT NULL,"
            " name TEXT NOT NULL,"
            " dns_names TEXT NOT NULL,"
            " not_after BIGINT NOT NULL,"
            " issued_at BIGINT NOT NULL)",

            // The token itself is not stored, only its SHA-256.
            "CREATE TABLE enrolment_tokens ("
            " hash TEXT PRIMARY KEY,"
            " kind TEXT NOT NULL,"
            " name TEXT NOT NULL,"
            " dns_names TEXT NOT NULL,"
            " created_at BIGINT NOT NULL,"
            " expires_at BIGINT NOT NULL,"
            " used_at BIGINT NOT NULL DEFAULT 0)",

            "CREATE TABLE counters ("
            " name TEXT PRIMARY KEY,"
            " value BIGINT NOT NULL)",
            "INSERT INTO counters (name, value) VALUES ('revocations', 0)",
            "INSERT INTO counters (name, value) VALUES ('crl_number', 0)",
        },
        {
            "INSERT INTO counters (name, value) VALUES ('crl_this_update', 0)",
        },
        {
            // Each issue counts the certificates that the user was issued lately.
            "CREATE INDEX certificates_by_user_and_issue ON certificates (user_name, issued_at)",
            "DROP INDEX certificates_by_user",
        },
        {
            // For IPv6 these are networks and not the addresses themselves.
            "CREATE TABLE familiar_places ("
            " user_name TEXT NOT NULL REFERENCES users (name) ON DELETE CASCADE,"
            " network TEXT NOT NULL,"
            " last_login_at BIGINT NOT NULL,"
            " PRIMARY KEY (user_name, network))",
            "CREATE INDEX familiar_places_by_login ON familiar_places (last_login_at)",
        },
        {
            // One PostgreSQL server may be several services.
            "ALTER TABLE enrolment_tokens ADD COLUMN more_services TEXT NOT NULL DEFAULT '[]'",
            "ALTER TABLE server_certificates ADD COLUMN more_services TEXT NOT NULL DEFAULT '[]'",
        },
        {
            // The value of the revocation counter when the certificate was revoked. With it the revocations
            // since a list are found without a look at the others.
            "ALTER TABLE certificates ADD COLUMN revocation_number BIGINT NOT NULL DEFAULT 0",
            "CREATE INDEX certificates_by_revocation ON certificates (revocation_number)"
            " WHERE revocation_number <> 0",
            // The value -1 says that nobody noted what the last list covered.
            "INSERT INTO counters (name, value) VALUES ('crl_revocations', -1)",
        },
        {
            // The list that each gateway said it holds, and when it said so.
            "CREATE TABLE gateway_lists ("
            " gateway TEXT PRIMARY KEY,"
            " crl_number BIGINT NOT NULL,"
            " heard_at BIGINT NOT NULL)",
        },
        {
            // Counts the changes that the audit log records.
            "INSERT INTO counters (name, value) VALUES ('changes', 0)",
        },
    };
    return kSteps;
}

}  // namespace

int newest_schema_version() noexcept {
    return static_cast<int>(steps().size());
}

Result<int> schema_version(Database& database) {
    return guarded("cannot read the schema version", [&]() -> Result<int> {
        int has_table = 0;
        database.session()
            << "SELECT COUNT(*) FROM sqlite_master WHERE type = 'table' AND name = 'schema_version'",
            soci::into(has_table);
        if (has_table == 0) {
            return 0;
        }
        int version = 0;
        database.session() << "SELECT version FROM schema_version", soci::into(version);
        return version;
    });
}

Result<void> migrate(Database& database) {
    // Most opens find nothing to do and must not wait for the write lock.
    const auto before = schema_version(database);
    if (!before) {
        return before.error();
    }
    if (*before == newest_schema_version()) {
        return {};
    }
    return guarded("cannot bring the schema up to date", [&]() -> Result<void> {
        while (true) {
            auto transaction = Transaction::write(database);
            if (!transaction) {
                return transaction.error();
            }
            // Read again under the lock: another process may have been first.
            const auto version = schema_version(database);
            if (!version) {
                return version.error();
            }
            if (*version > newest_schema_version()) {
                return Failure{
                    Code::config_invalid,
                    fmt::format("a newer postern-ca wrote this store (schema {}; this one knows {}); "
                                "install that version again",
                                *version, newest_schema_version())};
            }
            if (*version == newest_schema_version()) {
                return {};
            }
            soci::session& sql = database.session();
            for (const char* statement : steps()[static_cast<std::size_t>(*version)]) {
                sql << statement;
            }
            const int next = *version + 1;
            if (*version == 0) {
                sql << "CREATE TABLE schema_version (version BIGINT NOT NULL)";
                sql << "INSERT INTO schema_version (version) VALUES (:version)", soci::use(next);
            } else {
                sql << "UPDATE schema_version SET version = :version", soci::use(next);
            }
            if (auto committed = transaction->commit(); !committed) {
                return committed.error();
            }
        }
    });
}

}  // namespace postern::ca::store

#include "ca-service/store/sessions.hpp"

#include <soci/soci.h>

#include "ca-service/store/certificates.hpp"

namespace postern::ca::store {

namespace {

std::optional<SystemTime> when(long long stored) {
    return stored == 0 ? std::nullopt : std::optional<SystemTime>(from_stored(stored));
}

}  // namespace

Result<void> add_session(Database& database, const Session& session) {
    return guarded("cannot store the login session", [&]() -> Result<void> {
        const long long created_at = to_stored(session.created_at);
        const long long expires_at = to_stored(session.expires_at);
        database.session() << "INSERT INTO sessions (id, user_name, created_at, expires_at) "
                              "VALUES (:id, :user, :created, :expires)",
            soci::use(session.id), soci::use(session.user), soci::use(created_at), soci::use(expires_at);
        return {};
    });
}

Result<std::optional<Session>> find_session(Database& database, const std::string& id) {
    return guarded("cannot read a login session", [&]() -> Result<std::optional<Session>> {
        Session session;
        long long created_at = 0;
        long long expires_at = 0;
        long long ended_at = 0;
        database.session()
            << "SELECT id, user_name, created_at, expires_at, ended_at FROM sessions WHERE id = :id",
            soci::use(id), soci::into(session.id), soci::into(session.user), soci::into(created_at),
            soci::into(expires_at), soci::into(ended_at);
        if (!database.session().got_data()) {
            return std::optional<Session>();
        }
        session.created_at = from_stored(created_at);
        session.expires_at = from_stored(expires_at);
        session.ended_at = when(ended_at);
        return std::optional<Session>(std::move(session));
    });
}

Result<std::vector<Session>> sessions_with_live_certificates(Database& database, const std::string& user,
                                                             SystemTime now) {
    return guarded("cannot list login sessions", [&]() -> Result<std::vector<Session>> {
        std::vector<Session> sessions;
        Session session;
        session.user = user;
        const long long stored_now = to_stored(now);
        const long long limit = to_stored(lived_by_since(now));
        long long created_at = 0;
        long long expires_at = 0;
        long long ended_at = 0;
        soci::statement rows =
            (database.session().prepare
                 << "SELECT id, created_at, expires_at, ended_at FROM sessions WHERE user_name = :user AND "
                    // No certificate outlives its session, so the sessions that ended long ago need not be
                    // looked at one by one.
                    "expires_at > :over AND ((ended_at = 0 AND expires_at > :now) OR EXISTS (SELECT 1 FROM "
                    "certificates WHERE "
                    "session_id = sessions.id AND revoked_at = 0 AND not_after > :limit)) ORDER BY id",
             soci::use(user), soci::use(limit), soci::use(stored_now), soci::use(limit),
             soci::into(session.id), soci::into(created_at), soci::into(expires_at), soci::into(ended_at));
        rows.execute();
        while (rows.fetch()) {
            session.created_at = from_stored(created_at);
            session.expires_at = from_stored(expires_at);
            session.ended_at = when(ended_at);
            sessions.push_back(session);
        }
        return sessions;
    });
}

Result<bool> end_session(Database& database, const std::string& id, SystemTime now) {
    return guarded("cannot end the login session", [&]() -> Result<bool> {
        const long long ended_at = to_stored(now);
        soci::statement update =
            (database.session().prepare
                 << "UPDATE sessions SET ended_at = :now WHERE id = :id AND ended_at = 0",
             soci::use(ended_at), soci::use(id));
        update.execute(true);
        return update.get_affected_rows() > 0;
    });
}

Result<long long> forget_sessions(Database& database, SystemTime before) {
    return execute(database, "cannot tidy login sessions",
                   "DELETE FROM sessions WHERE expires_at < :before AND NOT EXISTS "
                   "(SELECT 1 FROM certificates WHERE session_id = sessions.id)",
                   before);
}

}  // namespace postern::ca::store

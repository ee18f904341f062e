#include "ca-service/revocation.hpp"

#include <utility>
#include <vector>

#include <fmt/format.h>

#include "ca-service/store/users.hpp"

namespace postern::ca {

namespace {

using Records = std::vector<audit::Record>;

/// Works inside the caller's transaction. The caller writes the records.
Result<void> take_back(store::Database& database, Records& records, const Actor& actor,
                       const store::Session& session, store::Revocation revocation, Revoked& total) {
    const Code reason = pki::code_of(revocation.reason);
    const auto revoked = store::revoke_session(database, session.id, revocation);
    if (!revoked) {
        return revoked.error();
    }
    for (const store::IssuedCertificate& certificate : *revoked) {
        audit::Record record = record_of(actor, "certificate.revoked");
        record.reason = reason;
        describe(record, certificate);
        records.push_back(std::move(record));
        ++total.certificates;
    }
    const auto was_live = store::end_session(database, session.id, revocation.at);
    if (!was_live) {
        return was_live.error();
    }
    if (*was_live && session.is_live(revocation.at)) {
        audit::Record record = record_of(actor, "session.ended");
        record.reason = reason;
        record.user = session.user;
        record.session_id = session.id;
        records.push_back(std::move(record));
        ++total.sessions;
    }
    return {};
}

/// Works inside the caller's transaction. The caller writes the records.
Result<Revoked> take_back_all(store::Database& database, Records& records, const Actor& actor,
                              const std::string& user, store::Revocation revocation) {
    // A session may have expired while its last certificate is still within the slack.
    auto sessions = store::sessions_with_live_certificates(database, user, revocation.at);
    if (!sessions) {
        return sessions.error();
    }
    Revoked total;
    for (const store::Session& session : *sessions) {
        if (auto taken = take_back(database, records, actor, session, revocation, total); !taken) {
            return taken.error();
        }
    }
    return total;
}

/// Runs `body` between BEGIN IMMEDIATE and COMMIT, and writes the records that it gathered before it commits.
template <class Body>
Result<Revoked> in_transaction(store::Database& database, audit::Log& audit, Body&& body) {
    auto transaction = store::Transaction::write(database);
    if (!transaction) {
        return transaction.error();
    }
    Records records;
    Result<Revoked> revoked = body(records);
    if (!revoked) {
        return revoked;
    }
    const auto counter = store::revocation_counter(database);
    if (!counter) {
        return counter.error();
    }
    revoked->counter = *counter;
    if (auto numbered = begin_change(database, records); !numbered) {
        return numbered.error();
    }
    if (auto written = audit.append(records); !written) {
        return written.error();
    }
    if (auto committed = transaction->commit(); !committed) {
        return committed.error();
    }
    return revoked;
}

Result<Revoked> end_known_session(store::Database& database, Records& records, const Actor& actor,
                                  const std::string& session_id, store::Revocation revocation) {
    const auto session = store::find_session(database, session_id);
    if (!session) {
        return session.error();
    }
    if (!session->has_value()) {
        return Failure{Code::not_found, fmt::format("there is no login session {}", session_id)};
    }
    Revoked total;
    if (auto taken = take_back(database, records, actor, **session, revocation, total); !taken) {
        return taken.error();
    }
    return total;
}

}  // namespace

Result<Revoked> end_session(store::Database& database, audit::Log& audit, const Actor& actor,
                            const std::string& session_id, store::Revocation revocation) {
    return in_transaction(database, audit, [&](Records& records) -> Result<Revoked> {
        return end_known_session(database, records, actor, session_id, revocation);
    });
}

Result<Revoked> revoke_by_serial(store::Database& database, audit::Log& audit, const Actor& actor,
                                 const std::string& serial, store::Revocation revocation) {
    return in_transaction(database, audit, [&](Records& records) -> Result<Revoked> {
        const auto certificate = store::find_certificate(database, serial);
        if (!certificate) {
            return certificate.error();
        }
        if (!certificate->has_value()) {
            return Failure{Code::not_found, fmt::format("no login certificate has the serial {}", serial)};
        }
        return end_known_session(database, records, actor, (*certificate)->session_id, revocation);
    });
}

Result<Revoked> revoke_by_user(store::Database& database, audit::Log& audit, const Actor& actor,
                               const std::string& user, store::Revocation revocation) {
    return in_transaction(database, audit, [&](Records& records) -> Result<Revoked> {
        const auto known = store::find_user(database, user);
        if (!known) {
            return known.error();
        }
        if (!known->has_value()) {
            return Failure{Code::not_found, fmt::format("there is no user {}", user)};
        }
        return take_back_all(database, records, actor, user, revocation);
    });
}

Result<Revoked> disable_user(store::Database& database, audit::Log& audit, const Actor& actor,
                             const std::string& user, SystemTime now) {
    return in_transaction(database, audit, [&](Records& records) -> Result<Revoked> {
        if (auto disabled = store::set_disabled(database, user, true); !disabled) {
            return disabled.error();
        }
        audit::Record record = record_of(actor, "admin.user_disabled");
        record.user = user;
        records.push_back(std::move(record));
        const store::Revocation revocation{now, pki::RevocationReason::privilege_withdrawn};
        return take_back_all(database, records, actor, user, revocation);
    });
}

}  // namespace postern::ca

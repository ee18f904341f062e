// Taking back what was granted. One certificate stands for its login session, since every certificate of a
// session is on the same machine and could renew itself: to revoke one is to end the session.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "audit/log.hpp"
#include "base/result.hpp"
#include "ca-service/audit_trail.hpp"
#include "ca-service/store/certificates.hpp"
#include "ca-service/store/database.hpp"

namespace postern::ca {

struct Revoked {
    std::size_t certificates = 0;
    std::size_t sessions = 0;
    /// The store's revocation counter behind it: a list that answers to this holds it.
    std::uint64_t counter = 0;
};

/// Each is one transaction; its records (certificate.revoked, session.ended) are written before it commits,
/// and without them it does not (Code::audit_unavailable). The CRL follows by itself.

/// Code::not_found when no such session was ever.
Result<Revoked> end_session(store::Database& database, audit::Log& audit, const Actor& actor,
                            const std::string& session_id, store::Revocation revocation);
/// By any certificate of the session. Code::not_found when no such certificate was ever issued.
Result<Revoked> revoke_by_serial(store::Database& database, audit::Log& audit, const Actor& actor,
                                 const std::string& serial, store::Revocation revocation);
/// Every session of the user. Code::not_found when there is no such user.
Result<Revoked> revoke_by_user(store::Database& database, audit::Log& audit, const Actor& actor,
                               const std::string& user, store::Revocation revocation);
/// The same, and no login from now on (admin.user_disabled).
Result<Revoked> disable_user(store::Database& database, audit::Log& audit, const Actor& actor,
                             const std::string& user, SystemTime now);

}  // namespace postern::ca

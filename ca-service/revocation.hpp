// Revokes what was granted. One certificate stands for its login session, since every certificate of a
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

/// What a call revoked.
struct Revoked {
    std::size_t certificates = 0;
    std::size_t sessions = 0;
    /// The store's revocation counter afterwards: a CRL that covers this counter holds the revocation.
    std::uint64_t counter = 0;
};

// Each function is one transaction. Its records (certificate.revoked, session.ended) are written before the
// commit; without them it fails with Code::audit_unavailable and changes nothing. The CRL follows by itself
// (ca-service/store_watch.hpp).

/// Ends a login session. Fails with Code::not_found when the store knows no such session.
Result<Revoked> end_session(store::Database& database, audit::Log& audit, const Actor& actor,
                            const std::string& session_id, store::Revocation revocation);
/// Ends the session of a certificate. Fails with Code::not_found when the store knows no such certificate.
Result<Revoked> revoke_by_serial(store::Database& database, audit::Log& audit, const Actor& actor,
                                 const std::string& serial, store::Revocation revocation);
/// Ends every session of a user. Fails with Code::not_found when there is no such user.
Result<Revoked> revoke_by_user(store::Database& database, audit::Log& audit, const Actor& actor,
                               const std::string& user, store::Revocation revocation);
/// Ends every session of a user and refuses their logins from now on (admin.user_disabled). Fails with
/// Code::not_found when there is no such user.
Result<Revoked> disable_user(store::Database& database, audit::Log& audit, const Actor& actor,
                             const std::string& user, SystemTime now);

}  // namespace postern::ca

// POST /v1/renew and POST /v1/logout: for the bearer of a login certificate whose session lives.
#pragma once

#include <string>

#include "base/result.hpp"
#include "ca-service/audit_trail.hpp"
#include "ca-service/ca.hpp"
#include "ca-service/issuance.hpp"
#include "ca-service/revocation.hpp"
#include "ca-service/store/database.hpp"
#include "pki/certificate.hpp"

namespace postern::ca::api {

/// `presented` has been verified in the handshake, but for its end. The new certificate bears the groups of
/// now. Whoever asked records a refusal.
Result<LoginGrant> renew(Ca& ca, store::Database& database, const Actor& actor,
                         const pki::Certificate& presented, const std::string& csr);

/// Ends the session and revokes what it holds. A session that has ended already is a success.
Result<void> log_out(Ca& ca, store::Database& database, const Actor& actor,
                     const pki::Certificate& presented);

}  // namespace postern::ca::api

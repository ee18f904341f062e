// POST /v1/renew and POST /v1/logout, for the bearer of a login certificate whose session is live.
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

/// Issues a new certificate in the session of `presented`, with the user's groups as they are now. The
/// handshake has verified `presented` except for its end. Blocks. A refusal is recorded by the caller.
Result<LoginGrant> renew(Ca& ca, store::Database& database, const Actor& actor,
                         const pki::Certificate& presented, const std::string& csr);

/// Ends the session of `presented` and revokes its certificates. Succeeds when the session has ended already.
/// Blocks.
Result<void> log_out(Ca& ca, store::Database& database, const Actor& actor,
                     const pki::Certificate& presented);

}  // namespace postern::ca::api

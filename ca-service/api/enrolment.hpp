// POST /v1/enroll: takes a one-time token and a CSR, and gives a server's certificate. The names come from
// the token.
#pragma once

#include "base/result.hpp"
#include "ca-service/api/bodies.hpp"
#include "ca-service/audit_trail.hpp"
#include "ca-service/ca.hpp"
#include "ca-service/store/database.hpp"
#include "pki/certificate.hpp"

namespace postern::ca::api {

/// Redeems the token for a certificate. The token is used up only when the certificate is made, stored and
/// recorded. Blocks, so call it on worker threads only. A refusal is recorded by the caller.
Result<pki::Certificate> enroll(Ca& ca, store::Database& database, const Actor& actor,
                                const EnrolmentBody& body);

}  // namespace postern::ca::api

// POST /v1/enroll: a one-time token and a CSR in, a server's certificate out. The names come from the token.
#pragma once

#include "base/result.hpp"
#include "ca-service/api/bodies.hpp"
#include "ca-service/audit_trail.hpp"
#include "ca-service/ca.hpp"
#include "ca-service/store/database.hpp"
#include "pki/certificate.hpp"

namespace postern::ca::api {

/// Uses the token up only when the certificate is made, stored and recorded. Whoever asked
/// records a refusal.
Result<pki::Certificate> enroll(Ca& ca, store::Database& database, const Actor& actor,
                                const EnrolmentBody& body);

}  // namespace postern::ca::api

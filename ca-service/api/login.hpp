// POST /v1/login: takes a password and a CSR, and gives a certificate.
#pragma once

#include "base/result.hpp"
#include "ca-service/api/bodies.hpp"
#include "ca-service/audit_trail.hpp"
#include "ca-service/ca.hpp"
#include "ca-service/issuance.hpp"
#include "ca-service/store/database.hpp"

namespace postern::ca::api {

/// Judges an attempt that LoginThrottle::admit() has admitted as `attempt`, and settles its charge. Blocks
/// for the hash, so call it on worker threads only. A login is recorded before the function returns; without
/// the record it fails with Code::audit_unavailable. A refusal is recorded by the caller.
Result<LoginGrant> log_in(Ca& ca, store::Database& database, const Actor& actor, const LoginBody& body,
                          const LoginThrottle::Attempt& attempt);

}  // namespace postern::ca::api

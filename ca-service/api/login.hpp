// POST /v1/login: a password and a CSR in, a certificate out.
#pragma once

#include "base/result.hpp"
#include "ca-service/api/bodies.hpp"
#include "ca-service/audit_trail.hpp"
#include "ca-service/ca.hpp"
#include "ca-service/issuance.hpp"
#include "ca-service/store/database.hpp"

namespace postern::ca::api {

/// Judges an admitted attempt (what LoginThrottle::admit says of it) and settles its charge. Blocks for the
/// hash: worker threads only. A login is recorded before it returns; without the record it is
/// Code::audit_unavailable. Whoever asked records a refusal.
Result<LoginGrant> log_in(Ca& ca, store::Database& database, const Actor& actor, const LoginBody& body,
                          const LoginThrottle::Attempt& attempt);

}  // namespace postern::ca::api

// POST /v1/login: a password and a CSR in, a certificate out.
#pragma once

#include <string_view>

#include "base/result.hpp"
#include "ca-service/api/bodies.hpp"
#include "ca-service/audit_trail.hpp"
#include "ca-service/ca.hpp"
#include "ca-service/issuance.hpp"
#include "ca-service/store/database.hpp"

namespace postern::ca::api {

/// Judges an admitted attempt (what LoginThrottle::admit says of it) and settles its charge. Blocks for the
/// hash: worker threads only. Everything that is decided is recorded before it returns; without the record it
/// is Code::audit_unavailable.
Result<LoginGrant> log_in(Ca& ca, store::Database& database, const Actor& actor, const LoginBody& body,
                          const LoginThrottle::Attempt& attempt);

/// The record of an attempt that was refused.
audit::Record failed_login(const Actor& actor, std::string_view username, const Failure& failure);

}  // namespace postern::ca::api

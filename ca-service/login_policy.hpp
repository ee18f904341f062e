// Decides who may log in. Nothing else does.
#pragma once

#include <optional>

#include "base/result.hpp"
#include "ca-service/store/users.hpp"

namespace postern::ca {

struct LoginFacts {
    /// Empty when no user has the name.
    const std::optional<store::User>& user;
    bool password_matches = false;
};

/// Fails with Code::unauthenticated for a wrong password and for an unknown user alike, and with
/// Code::user_disabled only when the password is right.
Result<void> may_log_in(const LoginFacts& facts);

}  // namespace postern::ca

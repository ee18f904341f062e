// Who may log in: the one place that decides it.
#pragma once

#include <optional>

#include "base/result.hpp"
#include "ca-service/store/users.hpp"

namespace postern::ca {

struct LoginFacts {
    /// Nothing when no user has the name.
    const std::optional<store::User>& user;
    bool password_matches = false;
};

/// Code::unauthenticated for a wrong password and for an unknown user alike; Code::user_disabled only to
/// somebody who knows the password.
Result<void> may_log_in(const LoginFacts& facts);

}  // namespace postern::ca

#include "ca-service/login_policy.hpp"

namespace postern::ca {

Result<void> may_log_in(const LoginFacts& facts) {
    if (!facts.user) {
        return Failure{Code::unauthenticated, "no such user"};
    }
    if (!facts.password_matches) {
        return Failure{Code::unauthenticated, "wrong password"};
    }
    if (facts.user->is_disabled) {
        return Failure{Code::user_disabled, "the user is disabled"};
    }
    return {};
}

}  // namespace postern::ca

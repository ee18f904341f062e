#include "client-proxy/login/login_standing.hpp"

#include "pki/validity.hpp"

namespace postern::client {

std::string_view name(LoginStanding::State state) noexcept {
    switch (state) {
        case LoginStanding::State::valid:
            return "valid";
        case LoginStanding::State::renewing:
            return "renewing";
        case LoginStanding::State::expired:
            return "expired";
        case LoginStanding::State::revoked:
            break;
    }
    return "revoked";
}

Refusal session_over() {
    return {Code::session_ended, "the login session has ended", "Run: postern login", {}};
}

LoginStanding standing_of(const Login& login, const std::optional<SystemTime>& session_ends,
                          const std::optional<Refusal>& failure, bool is_renewing, SystemTime now) {
    using State = LoginStanding::State;
    if (failure && (failure->code == Code::revoked || failure->code == Code::user_disabled)) {
        return {State::revoked, failure};
    }
    if (failure && (failure->code == Code::session_ended || failure->code == Code::unauthenticated)) {
        return {State::expired, failure};
    }
    if (session_ends && now >= *session_ends) {
        return {State::expired, session_over()};
    }
    const bool is_over = pki::is_over(login.not_after(), now);
    if (is_over && failure) {
        return {State::expired, failure};
    }
    return {is_over || is_renewing ? State::renewing : State::valid, std::nullopt};
}

}  // namespace postern::client

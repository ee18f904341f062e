// The state of a login: the single evaluation that the agent, `postern status`, `postern doctor`, exit codes
// and the tray share. Nothing here has side effects.
#pragma once

#include <optional>
#include <string_view>

#include "base/clock.hpp"
#include "client-proxy/login/login.hpp"
#include "client-proxy/refusal/refusal.hpp"

namespace postern::client {

struct LoginStanding {
    enum class State {
        valid,
        /// A renewal is under way, or begins as soon as the login is needed.
        renewing,
        /// A person must log in.
        expired,
        revoked,
    };
    State state = State::valid;
    /// Why the login no longer gives access; no value while it does.
    std::optional<Refusal> why;

    bool is_over() const noexcept { return why.has_value(); }
};
std::string_view name(LoginStanding::State state) noexcept;

/// The refusal for a session that has reached its end, before the CA service has confirmed it.
Refusal session_over();

/// `failure` is why the last renewal failed, as the CA service said it. `is_renewing` says whether a renewal
/// is under way. `now` is the time by login_clock().
LoginStanding standing_of(const Login& login, const std::optional<SystemTime>& session_ends,
                          const std::optional<Refusal>& failure, bool is_renewing, SystemTime now);

}  // namespace postern::client

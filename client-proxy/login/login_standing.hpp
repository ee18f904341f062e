// How a login stands: the one reading that the agent, `postern status`, `postern doctor`, exit codes and the
// tray share. Pure.
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
        /// A new certificate is being asked for, or will be when somebody needs one.
        renewing,
        /// Somebody must log in.
        expired,
        revoked,
    };
    State state = State::valid;
    /// Why it opens nothing any more; nothing while it does.
    std::optional<Refusal> why;

    bool is_over() const noexcept { return why.has_value(); }
};
std::string_view name(LoginStanding::State state) noexcept;

/// What is said of a session whose time has come, before the CA service has been asked.
Refusal session_over();

/// `failure`: why the last renewal failed, as the CA service said it; `is_renewing`: whether one is under
/// way; `now`: by login_clock().
LoginStanding standing_of(const Login& login, const std::optional<SystemTime>& session_ends,
                          const std::optional<Refusal>& failure, bool is_renewing, SystemTime now);

}  // namespace postern::client

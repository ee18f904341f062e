// One renewal of a login at the CA service, and what it is worth. Blocking; for a thread of its own.
#pragma once

#include "base/clock.hpp"
#include "base/pace.hpp"
#include "client-proxy/config/profile.hpp"
#include "client-proxy/login/held_login.hpp"
#include "client-proxy/login/login.hpp"
#include "client-proxy/refusal/refusal.hpp"

namespace postern::client {

/// One renewal, by whoever is first among the processes that share the folder: what is on the disk (or held
/// in its place) when that is still good and not doubted, or a new one from the CA, kept on the disk where
/// that is possible. Blocking.
Outcome<HeldLogin> renew_login(const ProfileFolder& folder, SystemTime now, bool is_doubted = false,
                               const HeldLogin& held = {});

/// For commands that need a good login once: the profile's, renewed when it is due. Blocking.
Outcome<LoginPtr> good_login(const ProfileFolder& folder, SystemTime now);

/// Whether only a new login helps.
bool is_final(Code code);
/// Between renewals that fail or do not help.
Pace::Bounds renewal_pace(const LoginPtr& login);

Refusal not_logged_in();
/// Why the login is not renewed, as whoever needs it is told.
Refusal not_renewed(const Login& login, SystemTime now, Refusal why);
/// A renewal that succeeded: what is wrong is here, or there, and another one would be no better.
Refusal no_help(const Login& login, SystemTime now);

}  // namespace postern::client

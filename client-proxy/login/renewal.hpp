// One renewal of a login at the CA service, and the meaning of its outcome. Blocking, for a dedicated thread.
#pragma once

#include "base/clock.hpp"
#include "base/pace.hpp"
#include "client-proxy/config/profile.hpp"
#include "client-proxy/login/held_login.hpp"
#include "client-proxy/login/login.hpp"
#include "client-proxy/refusal/refusal.hpp"

namespace postern::client {

/// Renews the profile's login. The lock "login.lock" lets one of the processes that share the folder do it.
/// Returns the login on disk, or the one held in its place, when that is not due yet and not doubted;
/// otherwise a new one from the CA, which is written to the disk if possible. `is_doubted` asks the CA in any
/// case. It blocks.
Outcome<HeldLogin> renew_login(const ProfileFolder& folder, SystemTime now, bool is_doubted = false,
                               const HeldLogin& held = {});

/// The profile's login for commands that need a valid one once; it is renewed when it is due. It blocks.
Outcome<LoginPtr> good_login(const ProfileFolder& folder, SystemTime now);

/// Whether only a new login helps after the CA refused a renewal with `code`.
bool is_final(Code code);
/// The pauses between renewals that fail or do not help.
Pace::Bounds renewal_pace(const LoginPtr& login);

Refusal not_logged_in();
/// What is told to those who need the login when its renewal failed because of `why`.
Refusal not_renewed(const Login& login, SystemTime now, Refusal why);
/// The refusal after a renewal that succeeded but whose certificate is not valid by this machine's time. The
/// clock here or there is wrong, so another renewal would not help.
Refusal no_help(const Login& login, SystemTime now);

}  // namespace postern::client

// Beginning and ending a login session at the CA service, and trusting a CA for the first time. The command
// line and the agent share it. Blocking, for a dedicated thread.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "base/secret.hpp"
#include "client-proxy/config/profile.hpp"
#include "client-proxy/login/ca_client.hpp"
#include "client-proxy/refusal/refusal.hpp"

namespace postern::client {

/// The root certificate of a CA service that is not trusted yet.
struct ClaimedRoot {
    ca_api::Fingerprint fingerprint;
    std::string subject;
    SystemTime not_after;
};
/// Asks the server for its root, which a person then compares.
Outcome<ClaimedRoot> inspect_ca(const std::string& address);

/// Trusts the CA with that fingerprint from now on, and deletes a login at another CA. Nothing is asked when
/// this CA is trusted already.
Outcome<Profile> accept_ca(const ProfileFolder& folder, const std::string& address,
                           const ca_api::Fingerprint& pin);

/// The login methods of the trusted CA. Errors: Code::unauthenticated when no CA is trusted yet.
Outcome<std::vector<LoginMethod>> ask_login_methods(const ProfileFolder& folder);

/// What was entered for a login method: pairs of a field's name and its value.
using LoginFields = std::vector<std::pair<std::string, Secret>>;
/// Logs in, and stores the key and the certificate in the folder.
Outcome<Profile> log_in(const ProfileFolder& folder, std::string_view method, const LoginFields& fields);

/// Ends the session at the CA, and deletes the key and the certificate, also when the CA could not end the
/// session, which is then the error. Returns whether there was a login.
Outcome<bool> log_out(const ProfileFolder& folder);

}  // namespace postern::client

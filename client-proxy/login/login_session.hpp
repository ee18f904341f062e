// Beginning and ending a login at the CA service, and believing a CA in the first place, for whoever asks the
// person: the command line and the agent. Blocking; for a thread of its own.
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

/// The root of a CA service that is not believed yet.
struct ClaimedRoot {
    ca_api::Fingerprint fingerprint;
    std::string subject;
    SystemTime not_after;
};
Outcome<ClaimedRoot> inspect_ca(const std::string& address);

/// Believes the CA with that fingerprint from now on; the login at another one is forgotten. For the CA that
/// is believed already nothing is asked.
Outcome<Profile> accept_ca(const ProfileFolder& folder, const std::string& address,
                           const ca_api::Fingerprint& pin);

/// How the CA lets people log in. Code::unauthenticated when none is believed yet.
Outcome<std::vector<LoginMethod>> ask_login_methods(const ProfileFolder& folder);

/// The answers to a method's questions: field's name, what was entered.
using LoginFields = std::vector<std::pair<std::string, Secret>>;
/// Logs in and keeps key and certificate in the folder.
Outcome<Profile> log_in(const ProfileFolder& folder, std::string_view method, const LoginFields& fields);

/// Ends the session at the CA and deletes key and certificate. Whether there was one. When the CA could not
/// end it they are deleted all the same.
Outcome<bool> log_out(const ProfileFolder& folder);

}  // namespace postern::client

// The login that a connecting command was told to use, as a LoginSource.
#pragma once

#include <memory>

#include "client-proxy/commands/commands.hpp"
#include "client-proxy/login/login_source.hpp"
#include "client-proxy/login/profile.hpp"

namespace postern::client {

/// The profile's login with renewal, or the given files. `hooks` are for renewal.
Outcome<std::unique_ptr<LoginSource>> open_login(const LoginChoice& choice, const ProfileFolder& folder,
                                                 RenewedLogin::Hooks hooks);

}  // namespace postern::client

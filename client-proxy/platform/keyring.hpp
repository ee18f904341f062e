// The desktop's keyring: the Secret Service on the person's own D-Bus (gnome-keyring, KWallet, KeePassXC). A
// secret is kept in the default collection, which is open while the person is logged in at the desktop.
#pragma once

#include <string>

#include "base/result.hpp"
#include "base/secret.hpp"

namespace postern::client::keyring {

// Blocking; a locked keyring asks the person in its own window, which is waited for a minute at most.
// Code::unavailable when there is no keyring, or it stays locked.

/// `label` is what a person reads in the keyring's own program.
Result<void> store(const std::string& id, const std::string& label, const Secret& secret);
/// Code::not_found when it holds none of that id.
Result<Secret> find(const std::string& id);
/// Also when there is none.
Result<void> forget(const std::string& id);

}  // namespace postern::client::keyring

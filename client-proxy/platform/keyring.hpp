// The desktop's keyring: the Secret Service on the person's D-Bus session bus (gnome-keyring, KWallet,
// KeePassXC). A secret is kept in the default collection, which is unlocked while the person is logged in at
// the desktop.
#pragma once

#include <string>

#include "base/result.hpp"
#include "base/secret.hpp"

namespace postern::client::keyring {

// All functions here block. A locked keyring asks the person in its own window, for which they wait at most a
// minute. Errors: Code::unavailable when there is no keyring or it stays locked.

/// Stores the secret under `id`. `label` is what a person reads in the keyring's own program.
Result<void> store(const std::string& id, const std::string& label, const Secret& secret);
/// Errors: Code::not_found when the keyring has no secret with that id.
Result<Secret> find(const std::string& id);
/// Removes the secret; succeeds also when there is none.
Result<void> forget(const std::string& id);

}  // namespace postern::client::keyring

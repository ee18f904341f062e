// The folders of this user's settings, state and running programs, by the XDG base directory specification
// and, for services without a home, by systemd's variables. A relative path in a variable is ignored, as the
// specification says.
#pragma once

#include <filesystem>
#include <vector>

namespace postern::client {

/// $XDG_CONFIG_HOME/postern, else ~/.config/postern; empty when there is no home.
std::filesystem::path config_folder();
/// $XDG_STATE_HOME/postern, else ~/.local/state/postern, else $STATE_DIRECTORY/postern; empty when none of
/// them is known.
std::filesystem::path state_folder();
/// The folders in which the running agent's folder may be created, in order of preference: $XDG_RUNTIME_DIR,
/// /run/user/<uid> if it exists, and $RUNTIME_DIRECTORY.
std::vector<std::filesystem::path> runtime_places();

}  // namespace postern::client

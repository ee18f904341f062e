// Where this user's settings, state and running programs are kept: the XDG base directory specification, and systemd's folders for a
// service that has no home. A relative path in a variable is ignored, as the specification says.
#pragma once

#include <filesystem>
#include <vector>

namespace postern::client {

/// $XDG_CONFIG_HOME/postern, else ~/.config/postern; empty without a home.
std::filesystem::path config_folder();
/// $XDG_STATE_HOME/postern, else ~/.local/state/postern, else $STATE_DIRECTORY/postern; empty without any.
std::filesystem::path state_folder();
/// In which folders one for the running agent may be made, the best first: $XDG_RUNTIME_DIR, /run/user/<uid> where it is there,
/// $RUNTIME_DIRECTORY.
std::vector<std::filesystem::path> runtime_places();

}  // namespace postern::client

// The folders in which this person's files lie (XDG Base Directory Specification).
#pragma once

#include <QString>

namespace postern::tray {

/// The folder of the agent's socket (docs/agent-protocol.md), as `postern` finds it. Empty when there is
/// none.
QString runtime_folder();
/// $XDG_CONFIG_HOME, by default ~/.config.
QString config_folder();

}  // namespace postern::tray

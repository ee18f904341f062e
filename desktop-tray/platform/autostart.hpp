// Whether the desktop starts the tray when the person logs in: an entry in $XDG_CONFIG_HOME/autostart
// (Desktop Application Autostart Specification).
#pragma once

namespace postern::tray {

bool starts_at_login();
/// False when the entry cannot be written or removed.
bool set_starts_at_login(bool is_on);

}  // namespace postern::tray

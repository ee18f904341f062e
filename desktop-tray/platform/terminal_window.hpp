// Runs a command in the terminal program of this desktop.
#pragma once

#include <QStringList>

namespace postern::tray {

/// `terminal` and its arguments, so that `command` runs in it and an error stays readable. Empty if no
/// terminal is installed. `find` says where a program is, empty if nowhere.
QStringList terminal_command(const QStringList& command, const QString& wanted_terminal,
                             QString (*find)(const QString& program));

/// Opens a terminal in which `command` runs. False if no terminal is installed, or it cannot be started.
bool open_in_terminal(const QStringList& command);

}  // namespace postern::tray

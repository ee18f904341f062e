// Runs a command in the terminal program of this desktop.
#pragma once

#include <QStringList>

namespace postern::tray {

/// Returns the command line that runs `command` in a terminal and keeps the terminal open after an error, so
/// that it stays readable. `wanted_terminal` is taken if it is installed. The result is empty if no terminal
/// is installed. `find` returns the path of a program, or an empty string.
QStringList terminal_command(const QStringList& command, const QString& wanted_terminal,
                             QString (*find)(const QString& program));

/// Opens a terminal in which `command` runs. False if no terminal is installed, or it cannot be started.
bool open_in_terminal(const QStringList& command);

}  // namespace postern::tray

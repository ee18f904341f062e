// Opens psql in the terminal program of this desktop.
#pragma once

#include <QStringList>

namespace postern::tray {

/// `terminal` and its arguments, so that `command` runs in it and an error stays readable. Empty if no
/// terminal is installed. `find` says where a program is, empty if nowhere.
QStringList terminal_command(const QStringList& command, const QString& wanted_terminal,
                             QString (*find)(const QString& program));

/// `postern psql SERVICE` in a terminal. False if there is no terminal or no postern.
bool open_psql(const QString& service);

}  // namespace postern::tray

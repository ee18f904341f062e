// What the tray alone remembers: theme, window, start at login, who signed in last. The services' settings
// are the agent's.
#pragma once

#include <QByteArray>
#include <QSettings>

#include "desktop-tray/appearance.hpp"

namespace postern::tray {

class Preferences {
public:
    /// Opens $XDG_CONFIG_HOME/postern/tray.ini.
    Preferences();

    Theme theme() const;
    void set_theme(Theme theme);
    /// Whether the desktop was dark last, so that the first frame has the right colours.
    bool system_was_dark() const;
    void set_system_was_dark(bool is_dark);
    QByteArray geometry() const;
    void set_geometry(const QByteArray& geometry);
    QByteArray split() const;
    void set_split(const QByteArray& split);
    QString last_user() const;
    void set_last_user(const QString& user);

private:
    QSettings settings_;
};

}  // namespace postern::tray

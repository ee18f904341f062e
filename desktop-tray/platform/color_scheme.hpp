// Whether the person prefers dark windows, as the desktop tells it: XDG Desktop Portal,
// org.freedesktop.portal.Settings.
#pragma once

#include <QObject>

namespace postern::tray {

class ColorScheme : public QObject {
    Q_OBJECT

public:
    using QObject::QObject;

    /// Asks the desktop, and listens for changes from then on. Never waits. A desktop without the portal is
    /// never heard of.
    void follow();

signals:
    /// What the desktop answered, at first and after each change.
    void told(bool is_dark);

private slots:
    void ask();
};

}  // namespace postern::tray

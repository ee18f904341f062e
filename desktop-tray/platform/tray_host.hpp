// Finds out whether something on the desktop shows icons: a StatusNotifier host on the session bus, or an
// XEmbed tray of the X server. Qt asks for the StatusNotifier host once, with the first icon, and keeps the
// answer. So no icon may be made before there is something to show it.
#pragma once

#include <QObject>
#include <QTimer>
#include <chrono>

namespace postern::tray {

class TrayHost : public QObject {
    Q_OBJECT

public:
    explicit TrayHost(QObject* parent = nullptr);

    /// Looks from now on, until stop(), without waiting for the bus.
    void look();
    void stop();

signals:
    /// Emitted each time such a host or tray is seen.
    void found();

private slots:
    void ask_bus();

private:
    void look_for_xembed();

    QTimer xembed_;
    bool is_looking_ = false;
};

}  // namespace postern::tray

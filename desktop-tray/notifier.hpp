// Notifications where there is no tray icon to show them by: straight to the desktop's notification server.
#pragma once

#include <QObject>

namespace postern::tray {

struct Notice;

class Notifier : public QObject {
    Q_OBJECT

public:
    using QObject::QObject;

    void say(const Notice& notice);

signals:
    /// The newest one.
    void clicked();

private slots:
    void on_action(uint id, const QString& action);

private:
    bool is_listening_ = false;
    uint newest_ = 0;
};

}  // namespace postern::tray

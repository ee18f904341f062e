// Notifications where there is no tray icon that could show them: they go straight to the desktop's
// notification server.
#pragma once

#include <QObject>

namespace postern::tray {

class Notifier : public QObject {
    Q_OBJECT

public:
    using QObject::QObject;

    /// Shows a notification. Never waits. Some notification servers read markup: pass both texts through
    /// without_markup().
    void say(const QString& title, const QString& text);

signals:
    /// Somebody clicked the newest notification.
    void clicked();

private slots:
    void on_action(uint id, const QString& action);

private:
    bool is_listening_ = false;
    uint newest_ = 0;
};

}  // namespace postern::tray

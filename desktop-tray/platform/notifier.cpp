#include "desktop-tray/platform/notifier.hpp"

#include <QCoreApplication>
#include <QDBusConnection>
#include <QDBusMessage>
#include <QDBusPendingCallWatcher>
#include <QDBusPendingReply>
#include <utility>

namespace postern::tray {

namespace {

constexpr const char* kNotifications = "org.freedesktop.Notifications";
constexpr const char* kNotificationsPath = "/org/freedesktop/Notifications";

}  // namespace

void Notifier::say(const QString& title, const QString& text) {
    QDBusConnection bus = QDBusConnection::sessionBus();
    if (!bus.isConnected()) {
        return;
    }
    if (!std::exchange(is_listening_, true)) {
        bus.connect(QLatin1String(kNotifications), QLatin1String(kNotificationsPath),
                    QLatin1String(kNotifications), QStringLiteral("ActionInvoked"), this,
                    SLOT(on_action(uint, QString)));
    }
    QDBusMessage message =
        QDBusMessage::createMethodCall(QLatin1String(kNotifications), QLatin1String(kNotificationsPath),
                                       QLatin1String(kNotifications), QStringLiteral("Notify"));
    message << QStringLiteral("Postern") << uint(0) << QStringLiteral("postern-tray") << title << text
            << QStringList{QStringLiteral("default"), tr("Open Postern")}
            << QVariantMap{{QStringLiteral("desktop-entry"), QStringLiteral("postern-tray")}} << -1;
    auto* const answer = new QDBusPendingCallWatcher(bus.asyncCall(message, 5000), this);
    connect(answer, &QDBusPendingCallWatcher::finished, this, [this, answer] {
        const QDBusPendingReply<uint> id = *answer;
        answer->deleteLater();
        if (id.isValid()) {
            newest_ = id.value();
        }
    });
}

void Notifier::on_action(uint id, const QString&) {
    if (id == newest_) {
        emit clicked();
    }
}

}  // namespace postern::tray

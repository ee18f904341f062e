#include "desktop-tray/platform/color_scheme.hpp"

#include <QDBusConnection>
#include <QDBusMessage>
#include <QDBusPendingCallWatcher>
#include <QDBusPendingReply>
#include <QDBusVariant>

namespace postern::tray {

namespace {

constexpr const char* kPortal = "org.freedesktop.portal.Desktop";
constexpr const char* kPortalPath = "/org/freedesktop/portal/desktop";
constexpr const char* kPortalSettings = "org.freedesktop.portal.Settings";
constexpr const char* kAppearance = "org.freedesktop.appearance";
constexpr const char* kColorScheme = "color-scheme";

}  // namespace

void ColorScheme::follow() {
    QDBusConnection bus = QDBusConnection::sessionBus();
    if (!bus.isConnected()) {
        return;
    }
    // Without parameters: which D-Bus types QtDBus takes in a slot depends on what has been set up by then.
    bus.connect(QLatin1String(kPortal), QLatin1String(kPortalPath), QLatin1String(kPortalSettings),
                QStringLiteral("SettingChanged"), this, SLOT(ask()));
    ask();
}

void ColorScheme::ask() {
    QDBusMessage question =
        QDBusMessage::createMethodCall(QLatin1String(kPortal), QLatin1String(kPortalPath),
                                       QLatin1String(kPortalSettings), QStringLiteral("Read"));
    question << QLatin1String(kAppearance) << QLatin1String(kColorScheme);
    auto* const answer =
        new QDBusPendingCallWatcher(QDBusConnection::sessionBus().asyncCall(question, 5000), this);
    connect(answer, &QDBusPendingCallWatcher::finished, this, [this, answer] {
        const QDBusPendingReply<QDBusVariant> reply = *answer;
        answer->deleteLater();
        if (reply.isValid()) {
            // `Read` wraps the value once more.
            const QVariant outer = reply.value().variant();
            const QVariant value =
                outer.canConvert<QDBusVariant>() ? outer.value<QDBusVariant>().variant() : outer;
            emit told(value.toUInt() == 1);  // 1: prefers dark, 2: prefers light, 0: no preference
        }
    });
}

}  // namespace postern::tray

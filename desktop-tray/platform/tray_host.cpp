#include "desktop-tray/platform/tray_host.hpp"

#include <xcb/xcb.h>

#include <QDBusConnection>
#include <QDBusMessage>
#include <QDBusPendingCallWatcher>
#include <QDBusPendingReply>
#include <QDBusServiceWatcher>
#include <QDBusVariant>
#include <QGuiApplication>
#include <cstdlib>
#include <memory>
#include <string_view>
#include <utility>

namespace postern::tray {

namespace {

constexpr const char* kStatusNotifier = "org.kde.StatusNotifierWatcher";
constexpr const char* kStatusNotifierPath = "/StatusNotifierWatcher";
constexpr std::chrono::seconds kAskXServer{2};

struct FreeReply {
    void operator()(void* reply) const { std::free(reply); }
};
template <class T>
using Reply = std::unique_ptr<T, FreeReply>;

bool has_xembed_tray() {
    const auto* const x11 = qGuiApp->nativeInterface<QNativeInterface::QX11Application>();
    if (x11 == nullptr || x11->connection() == nullptr) {
        return false;
    }
    constexpr std::string_view kManager = "_NET_SYSTEM_TRAY_S0";
    xcb_connection_t* const server = x11->connection();
    const Reply<xcb_intern_atom_reply_t> atom(
        xcb_intern_atom_reply(server, xcb_intern_atom(server, 1, kManager.size(), kManager.data()), nullptr));
    if (!atom || atom->atom == XCB_ATOM_NONE) {
        return false;
    }
    const Reply<xcb_get_selection_owner_reply_t> owner(
        xcb_get_selection_owner_reply(server, xcb_get_selection_owner(server, atom->atom), nullptr));
    return owner && owner->owner != XCB_WINDOW_NONE;
}

}  // namespace

TrayHost::TrayHost(QObject* parent) : QObject(parent) {
    xembed_.setInterval(kAskXServer);
    connect(&xembed_, &QTimer::timeout, this, &TrayHost::look_for_xembed);
}

void TrayHost::look() {
    if (std::exchange(is_looking_, true)) {
        return;
    }
    QDBusConnection bus = QDBusConnection::sessionBus();
    if (bus.isConnected()) {
        auto* const comes = new QDBusServiceWatcher(QLatin1String(kStatusNotifier), bus,
                                                    QDBusServiceWatcher::WatchForRegistration, this);
        connect(comes, &QDBusServiceWatcher::serviceRegistered, this, &TrayHost::ask_bus);
        bus.connect(QLatin1String(kStatusNotifier), QLatin1String(kStatusNotifierPath),
                    QLatin1String(kStatusNotifier), QStringLiteral("StatusNotifierHostRegistered"), this,
                    SLOT(ask_bus()));
        ask_bus();
    }
    if (qGuiApp->nativeInterface<QNativeInterface::QX11Application>() != nullptr) {
        xembed_.start();
        look_for_xembed();
    }
}

void TrayHost::stop() {
    is_looking_ = false;
    xembed_.stop();
}

void TrayHost::look_for_xembed() {
    if (is_looking_ && has_xembed_tray()) {
        emit found();
    }
}

void TrayHost::ask_bus() {
    QDBusMessage question = QDBusMessage::createMethodCall(
        QLatin1String(kStatusNotifier), QLatin1String(kStatusNotifierPath),
        QStringLiteral("org.freedesktop.DBus.Properties"), QStringLiteral("Get"));
    question << QLatin1String(kStatusNotifier) << QStringLiteral("IsStatusNotifierHostRegistered");
    question.setAutoStartService(false);
    auto* const answer =
        new QDBusPendingCallWatcher(QDBusConnection::sessionBus().asyncCall(question, 5000), this);
    connect(answer, &QDBusPendingCallWatcher::finished, this, [this, answer] {
        const QDBusPendingReply<QDBusVariant> reply = *answer;
        answer->deleteLater();
        if (is_looking_ && reply.isValid() && reply.value().variant().toBool()) {
            emit found();
        }
    });
}

}  // namespace postern::tray

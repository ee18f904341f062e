// The icon in the tray and its menu: services with Connect and Disconnect, sign in and out, time left.
#pragma once

#include <QSystemTrayIcon>
#include <functional>
#include <memory>

#include "desktop-tray/agent_client.hpp"
#include "desktop-tray/platform/notifier.hpp"

class QAction;
class QMenu;

namespace postern::tray {

struct Notice;

class TrayMenu : public QObject {
    Q_OBJECT

public:
    using Clock = std::function<QDateTime()>;

    TrayMenu(AgentClient* client, Clock clock, QObject* parent = nullptr);
    ~TrayMenu() override;

    /// Shows the icon, once something is there to show it (TrayHost). Returns false if there is nothing after
    /// all.
    bool show();
    bool is_shown() const { return icon_ && icon_->isVisible(); }
    /// Shows a notification by the icon, or by the desktop itself where there is no icon.
    void say(const Notice& notice);
    /// To be called after a change of the state, and once a minute.
    void show_state();
    QMenu* menu() const { return menu_.get(); }

signals:
    void window_wanted();
    void sign_in_wanted();
    void quit_wanted();

private:
    void build();
    void show_icon();
    void on_clicked();
    void add_service(const Service& service);
    QString header() const;

    AgentClient* client_;
    Clock clock_;
    std::unique_ptr<QMenu> menu_;
    std::unique_ptr<QSystemTrayIcon> icon_;
    Notifier notifier_;
    QString built_;
    QAction* header_ = nullptr;
    std::optional<Overview> shown_;
    bool said_wants_sign_in_ = false;
};

}  // namespace postern::tray

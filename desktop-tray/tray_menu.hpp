// The icon in the tray and its menu: services with Connect and Disconnect, sign in and out, time left.
#pragma once

#include <QSystemTrayIcon>
#include <functional>
#include <memory>

#include "desktop-tray/agent_client.hpp"

class QMenu;

namespace postern::tray {

struct Notice;

class TrayMenu : public QObject {
    Q_OBJECT

public:
    using Clock = std::function<QDateTime()>;

    TrayMenu(AgentClient* client, Clock clock, QObject* parent = nullptr);
    ~TrayMenu() override;

    /// Shows the icon if there is a tray. False if there is none (yet).
    bool show();
    bool is_shown() const { return icon_.isVisible(); }
    void say(const Notice& notice);
    /// After a change of the state, and once a minute.
    void show_state();
    QMenu* menu() const { return menu_.get(); }
    /// Where the icon is on the screen, if the tray tells.
    QRect icon_area() const { return icon_.geometry(); }
    QString tool_tip() const { return icon_.toolTip(); }

signals:
    void window_wanted();
    void sign_in_wanted();
    void quit_wanted();

private:
    void build();
    void add_service(const Service& service);
    QString header() const;

    AgentClient* client_;
    Clock clock_;
    std::unique_ptr<QMenu> menu_;
    QSystemTrayIcon icon_;
    QString built_;
    std::optional<Overview> shown_;
    bool said_wants_sign_in_ = false;
};

}  // namespace postern::tray

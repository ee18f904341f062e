// The running program: it wires client, window, tray, notifications and links together.
#pragma once

#include <QObject>
#include <QTimer>
#include <functional>

#include "desktop-tray/agent_client.hpp"
#include "desktop-tray/main_window.hpp"
#include "desktop-tray/notices.hpp"
#include "desktop-tray/platform/tray_host.hpp"
#include "desktop-tray/preferences.hpp"
#include "desktop-tray/tray_menu.hpp"

namespace postern::tray {

struct ProgramOptions {
    AgentClientOptions agent = AgentClientOptions::from_environment();
    std::function<QDateTime()> clock = [] { return QDateTime::currentDateTimeUtc(); };
    /// Shows no window at the start, if there is a tray.
    bool in_background = false;
    /// How long a link waits until a gateway says whether there is such a service.
    std::chrono::milliseconds link_timeout{15000};
};

class TrayProgram : public QObject {
    Q_OBJECT

public:
    explicit TrayProgram(ProgramOptions options, QObject* parent = nullptr);
    ~TrayProgram() override;

    void start();
    /// Does what another start of the program asked for: "show", a link, or "stay" for nothing.
    void fulfil(const QString& wish);

    AgentClient& client() { return client_; }
    MainWindow& window() { return window_; }
    TrayMenu& tray() { return tray_; }

signals:
    /// Emitted with each notice, whether a notification shows it or not.
    void noticed(const postern::tray::Notice& notice);

private:
    void tell(const std::optional<Notice>& notice);
    void open_link();

    ProgramOptions options_;
    Preferences preferences_;
    Appearance appearance_;
    AgentClient client_;
    MainWindow window_;
    TrayMenu tray_;
    Notices notices_;
    QTimer minute_;
    TrayHost tray_host_;
    QString link_;
    QTimer link_timeout_;
};

/// Sets the application's name and icon, the filter for labels, and the translations. Call it once, before
/// the first window.
void prepare_application(const QString& language = {});
/// Sets the translations alone; it needs no display.
void prepare_words(const QString& language = {});

}  // namespace postern::tray

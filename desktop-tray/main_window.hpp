// The window: it chooses the page that fits the agent's state, and has the menu and the keys.
#pragma once

#include <QPointer>
#include <QStringList>
#include <QTimer>
#include <QWidget>
#include <functional>

#include "desktop-tray/agent_client.hpp"
#include "desktop-tray/preferences.hpp"

class QAction;
class QMenu;
class QMessageBox;
class QStackedWidget;

namespace postern::tray {

class MessagePage;
class ServicesPage;
class SetUpPage;
class SignInPage;

class MainWindow : public QWidget {
    Q_OBJECT

public:
    using Clock = std::function<QDateTime()>;
    enum class PageKind { message, set_up, sign_in, services };

    MainWindow(AgentClient* client, Preferences* preferences, Clock clock, QWidget* parent = nullptr);

    /// Brings the window in front of the others, because somebody wants it.
    void bring_up();
    void show_sign_in();
    void show_settings();
    void choose(const QString& service);
    /// Asks a person whether to connect to a service that a link names. One question is open at a time. A
    /// link whose question is open or waits already is not asked again; a few others wait in line, and more
    /// are dropped.
    void ask_to_connect(const QString& service);
    void show_psql(const QString& service);
    PageKind page() const;
    ServicesPage* services_page() const { return services_; }

signals:
    void theme_chosen(postern::tray::Theme theme);
    void quit_wanted();
    void closed();

protected:
    void closeEvent(QCloseEvent* event) override;
    void changeEvent(QEvent* event) override;

private:
    QMenu* make_menu();
    QAction* add_action(QMenu* menu, const QString& text, const QKeySequence& key, std::function<void()> act);
    void show_state();
    void raise_window();
    void ask_next_link();
    QMessageBox* question_for(const QString& service);
    /// Notes that somebody does not want to sign in now, or wants to again.
    void put_off(bool is_put_off);
    void go_to(PageKind page);
    QString last_user() const;

    AgentClient* client_;
    Preferences* preferences_;
    Clock clock_;
    QMenu* menu_;
    QAction* sign_in_action_;
    QAction* sign_out_action_;
    QAction* refresh_action_;
    QStackedWidget* pages_;
    MessagePage* message_;
    SetUpPage* set_up_;
    SignInPage* sign_in_;
    ServicesPage* services_;
    QTimer tick_;
    QPointer<QMessageBox> link_question_;
    QString asked_link_;
    QStringList waiting_links_;
    /// Somebody asked to sign in although the list could be shown.
    bool wants_sign_in_ = false;
    bool is_sign_in_awaited_ = false;
    /// The window has come up by itself to ask for a sign-in, and nobody has signed in since.
    bool has_asked_ = false;
    bool is_put_off_ = false;
};

}  // namespace postern::tray

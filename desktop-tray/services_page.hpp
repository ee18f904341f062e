// The window's main page: who is signed in, what needs attention, the services at the left and the chosen
// one's panes at the right.
#pragma once

#include <QWidget>
#include <functional>

#include "desktop-tray/agent_client.hpp"
#include "desktop-tray/service_list.hpp"

class QLabel;
class QLineEdit;
class QListView;
class QMenu;
class QSplitter;
class QStackedWidget;
class QTabWidget;
class QToolButton;

namespace postern::tray {

class CertificatePane;
class EventsPane;
class NoticeBox;
class ServicePane;

class ServicesPage : public QWidget {
    Q_OBJECT

public:
    using Clock = std::function<QDateTime()>;

    ServicesPage(AgentClient* client, Clock clock, QMenu* menu, QWidget* parent = nullptr);
    void choose(const QString& service);
    QString chosen() const { return chosen_; }
    void find();
    void focus_list();
    void show_tab(int index);
    QByteArray save_split() const;
    void restore_split(const QByteArray& split);
    /// To be called after a change of the state, and regularly for the countdown.
    void show_state();
    void show_traffic();

signals:
    void sign_in_wanted();
    void psql_wanted(const QString& service);

protected:
    bool eventFilter(QObject* watched, QEvent* event) override;

private:
    QWidget* make_header(QMenu* menu);
    QWidget* make_list();
    QWidget* make_panes();
    void show_header();
    void show_empty_text();
    void on_current_changed();
    void toggle(const QString& service);
    void choose_first_if_none();

    AgentClient* client_;
    Clock clock_;
    QString chosen_;
    QLabel* avatar_;
    QLabel* who_;
    QLabel* until_;
    QToolButton* menu_button_;
    NoticeBox* attention_;
    QLineEdit* filter_text_;
    ServiceRows* rows_;
    ServiceFilter* filter_;
    QListView* list_;
    QLabel* empty_;
    QStackedWidget* list_or_empty_;
    QSplitter* split_;
    QTabWidget* tabs_;
    ServicePane* service_pane_;
    QLabel* no_service_;
    CertificatePane* certificate_pane_;
    EventsPane* events_pane_;
};

}  // namespace postern::tray

// Everything about one service: its state and switch, the local port, what to give to other programs,
// traffic.
#pragma once

#include <QWidget>

#include "desktop-tray/agent_client.hpp"
#include "desktop-tray/notice_box.hpp"

class QCheckBox;
class QComboBox;
class QGridLayout;
class QLabel;
class QLineEdit;
class QPushButton;
class QSpinBox;
class QToolButton;

namespace postern::tray {

class CopyLine;

class ServicePane : public QWidget {
    Q_OBJECT

public:
    explicit ServicePane(AgentClient* client, QWidget* parent = nullptr);
    /// `service` is nullptr where none is chosen.
    void show_service(const Service* service);
    void show_traffic(const Service& service);
    /// Shows why something that somebody asked for did not work.
    void show_refusal(const Trouble& trouble);
    /// Connects or disconnects, as the button does.
    void toggle();

signals:
    void psql_wanted(const QString& service);

protected:
    bool eventFilter(QObject* watched, QEvent* event) override;

private:
    void align_labels();
    QWidget* make_header();
    QWidget* make_connection_card();
    QWidget* make_use_card();
    void show_modes(const Service& service);
    void show_commands(const Service& service);
    void change_port();
    void ask_to_pass_through(const QString& service);
    void ask_to_move(const QString& service, int port, int connections);
    void change_list(const QString& setting, QStringList names, bool is_in);

    AgentClient* client_;
    Service service_;
    Trouble refusal_;
    QLabel* name_;
    QLabel* description_;
    QToolButton* star_;
    QLabel* dot_;
    QLabel* state_;
    QPushButton* toggle_;
    NoticeBox* trouble_;
    QSpinBox* port_;
    QLabel* mode_label_;
    QComboBox* mode_;
    QCheckBox* at_start_;
    QLabel* traffic_;
    QFrame* use_card_;
    QMap<QString, CopyLine*> commands_;
    QMap<QString, QLabel*> command_labels_;
    QList<QLabel*> labels_;
    QLabel* no_commands_;
    QPushButton* psql_;
};

}  // namespace postern::tray

// The panes beside that of the service: the certificate with its countdown, and the recent events.
#pragma once

#include <QWidget>

#include "desktop-tray/agent_state.hpp"

class QCheckBox;
class QFormLayout;
class QLabel;
class QProgressBar;
class QTreeWidget;

namespace postern::tray {

class CopyLine;

class CertificatePane : public QWidget {
    Q_OBJECT

public:
    explicit CertificatePane(QWidget* parent = nullptr);
    void show_login(const AgentState& state, const QDateTime& now);

private:
    QLabel* add_row(QFormLayout* form, const QString& title, bool is_fixed = false);

    QLabel* left_;
    QLabel* renewal_;
    QProgressBar* bar_;
    QLabel* user_;
    QLabel* groups_;
    QLabel* valid_from_;
    QLabel* valid_until_;
    QLabel* session_;
    QLabel* serial_;
    QLabel* issuer_;
    QLabel* ca_;
    QLabel* fingerprint_;
    CopyLine* file_;
};

class EventsPane : public QWidget {
    Q_OBJECT

public:
    explicit EventsPane(QWidget* parent = nullptr);
    /// `service` is the chosen one, for the "only this service" box; may be empty.
    void show_events(const QList<Event>& events, const QString& service, const QDateTime& now);

private:
    void fill();
    void show_chosen();

    QList<Event> events_;
    QString service_;
    QDateTime now_;
    QCheckBox* only_;
    QTreeWidget* list_;
    QWidget* details_;
    QLabel* what_;
    QLabel* more_;
    CopyLine* connection_id_;
};

}  // namespace postern::tray

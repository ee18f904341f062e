// The settings. Every change takes effect at once.
#pragma once

#include <QDialog>

#include "desktop-tray/agent_client.hpp"
#include "desktop-tray/preferences.hpp"

class QCheckBox;
class QComboBox;
class QListWidget;
class QLabel;

namespace postern::tray {

class SettingsDialog : public QDialog {
    Q_OBJECT

public:
    SettingsDialog(AgentClient* client, Preferences* preferences, QWidget* parent = nullptr);

signals:
    void theme_chosen(postern::tray::Theme theme);

private:
    void show_state();

    AgentClient* client_;
    Preferences* preferences_;
    QCheckBox* at_login_;
    QCheckBox* notifications_;
    QComboBox* theme_;
    QListWidget* at_start_;
    QLabel* no_services_;
};

}  // namespace postern::tray

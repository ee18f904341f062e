#include "desktop-tray/settings_dialog.hpp"

#include <QBoxLayout>
#include <QCheckBox>
#include <QComboBox>
#include <QDialogButtonBox>
#include <QJsonArray>
#include <QLabel>
#include <QListWidget>
#include <QPushButton>

#include "desktop-tray/appearance.hpp"
#include "desktop-tray/notice_box.hpp"
#include "desktop-tray/platform/autostart.hpp"

namespace postern::tray {

SettingsDialog::SettingsDialog(AgentClient* client, Preferences* preferences, QWidget* parent)
    : QDialog(parent),
      client_(client),
      preferences_(preferences),
      at_login_(new QCheckBox(tr("Start Postern when I &log in"), this)),
      notifications_(new QCheckBox(tr("Show &notifications"), this)),
      theme_(new QComboBox(this)),
      at_start_(new QListWidget(this)),
      no_services_(plain_label(tr("Your services appear here once you have signed in."), this)) {
    setWindowTitle(tr("Settings"));
    theme_->addItem(tr("As the desktop"), static_cast<int>(Theme::follow_system));
    theme_->addItem(tr("Light"), static_cast<int>(Theme::light));
    theme_->addItem(tr("Dark"), static_cast<int>(Theme::dark));
    theme_->setCurrentIndex(theme_->findData(static_cast<int>(preferences->theme())));
    auto* const theme_label = new QLabel(tr("&Colours"), this);
    theme_label->setBuddy(theme_);
    auto* const list_label = new QLabel(tr("&Connect when Postern starts"), this);
    list_label->setBuddy(at_start_);
    at_start_->setAccessibleName(tr("Services to connect when Postern starts"));
    at_start_->setSpacing(3);
    at_start_->setMinimumHeight(fontMetrics().height() * 6);
    make_quiet(no_services_);
    auto* const quiet = plain_label(tr("Only when you must do something, or lost a connection."), this);
    make_quiet(quiet);
    auto* const buttons = new QDialogButtonBox(QDialogButtonBox::Close, this);
    buttons->button(QDialogButtonBox::Close)->setText(tr("Cl&ose"));

    auto* const layout = new QVBoxLayout(this);
    layout->setContentsMargins(24, 22, 24, 20);
    layout->setSpacing(10);
    layout->addWidget(at_login_);
    layout->addWidget(notifications_);
    layout->addWidget(quiet);
    auto* const theme_row = new QHBoxLayout;
    theme_row->addWidget(theme_label);
    theme_row->addWidget(theme_);
    theme_row->addStretch();
    layout->addSpacing(4);
    layout->addLayout(theme_row);
    layout->addSpacing(8);
    layout->addWidget(list_label);
    layout->addWidget(at_start_, 1);
    layout->addWidget(no_services_);
    layout->addSpacing(6);
    layout->addWidget(buttons);
    setMinimumWidth(fontMetrics().averageCharWidth() * 58);

    connect(buttons, &QDialogButtonBox::rejected, this, &QDialog::reject);
    connect(at_login_, &QCheckBox::toggled, this, [this](bool is_on) {
        if (!set_starts_at_login(is_on)) {
            show_checked(at_login_, !is_on);
        }
    });
    connect(notifications_, &QCheckBox::toggled, this,
            [this](bool is_on) { client_->change_setting(QStringLiteral("notifications"), is_on); });
    connect(theme_, &QComboBox::currentIndexChanged, this, [this] {
        const auto theme = static_cast<Theme>(theme_->currentData().toInt());
        preferences_->set_theme(theme);
        emit theme_chosen(theme);
    });
    connect(at_start_, &QListWidget::itemChanged, this, [this] {
        // Services that no gateway has listed yet are not in this list, and stay in the setting.
        QStringList names;
        for (const QString& name : client_->state().settings().connect_at_start) {
            if (at_start_->findItems(name, Qt::MatchExactly).isEmpty()) {
                names.append(name);
            }
        }
        for (int row = 0; row < at_start_->count(); ++row) {
            if (at_start_->item(row)->checkState() == Qt::Checked) {
                names.append(at_start_->item(row)->text());
            }
        }
        client_->change_setting(QStringLiteral("connect_at_start"), QJsonArray::fromStringList(names));
    });
    connect(client_, &AgentClient::state_changed, this, &SettingsDialog::show_state);
    show_state();
}

void SettingsDialog::show_state() {
    const AgentState& state = client_->state();
    show_checked(at_login_, starts_at_login());
    show_checked(notifications_, state.settings().notifications);
    notifications_->setEnabled(state.is_known());
    const QSignalBlocker quiet(at_start_);
    const int row_before = at_start_->currentRow();
    at_start_->clear();
    for (const Service& service : state.services()) {
        auto* const item = new QListWidgetItem(service.name, at_start_);
        item->setFlags(Qt::ItemIsEnabled | Qt::ItemIsSelectable | Qt::ItemIsUserCheckable);
        item->setCheckState(state.settings().connect_at_start.contains(service.name) ? Qt::Checked
                                                                                     : Qt::Unchecked);
    }
    at_start_->setCurrentRow(row_before);
    at_start_->setVisible(!state.services().isEmpty());
    no_services_->setVisible(state.services().isEmpty());
}

}  // namespace postern::tray

#include "desktop-tray/login_panes.hpp"

#include <QCheckBox>
#include <QFontDatabase>
#include <QFormLayout>
#include <QHeaderView>
#include <QLabel>
#include <QProgressBar>
#include <QTreeWidget>

#include "desktop-tray/appearance.hpp"
#include "desktop-tray/copy_line.hpp"
#include "desktop-tray/foreign_text.hpp"
#include "desktop-tray/notice_box.hpp"
#include "desktop-tray/wording.hpp"

namespace postern::tray {

CertificatePane::CertificatePane(QWidget* parent) : QWidget(parent) {
    auto* const layout = new QVBoxLayout(this);
    layout->setContentsMargins(2, 14, 2, 14);
    layout->setSpacing(8);
    left_ = plain_label({}, this);
    scale_font(left_, 1.35, true);
    renewal_ = plain_label({}, this);
    make_quiet(renewal_);
    bar_ = new QProgressBar(this);
    bar_->setTextVisible(false);
    bar_->setRange(0, 1000);
    bar_->setAccessibleName(tr("Time left of the certificate"));
    layout->addWidget(left_);
    layout->addWidget(renewal_);
    layout->addWidget(bar_);
    layout->addSpacing(6);
    auto* const card = new QFrame(this);
    card->setProperty("card", true);
    auto* const form = new QFormLayout(card);
    form->setContentsMargins(16, 14, 16, 14);
    form->setHorizontalSpacing(16);
    form->setVerticalSpacing(9);
    form->setRowWrapPolicy(QFormLayout::DontWrapRows);
    form->setLabelAlignment(Qt::AlignLeft | Qt::AlignTop);
    user_ = add_row(form, tr("Name"));
    groups_ = add_row(form, tr("Groups"));
    valid_from_ = add_row(form, tr("Valid from"));
    valid_until_ = add_row(form, tr("Valid until"));
    session_ = add_row(form, tr("Signed in until"));
    serial_ = add_row(form, tr("Serial number"), true);
    issuer_ = add_row(form, tr("Issuer"));
    ca_ = add_row(form, tr("CA service"));
    fingerprint_ = add_row(form, tr("CA fingerprint"), true);
    file_ = new CopyLine(tr("path of the certificate"), card);
    auto* const file_label = new QLabel(tr("File"), card);
    make_quiet(file_label);
    form->addRow(file_label, file_);
    layout->addWidget(card);
    layout->addStretch();
}

QLabel* CertificatePane::add_row(QFormLayout* form, const QString& title, bool is_fixed) {
    auto* const label = new QLabel(title, this);
    make_quiet(label);
    QLabel* const value = plain_label({}, this, true);
    value->setAccessibleName(title);
    if (is_fixed) {
        value->setFont(QFontDatabase::systemFont(QFontDatabase::FixedFont));
        value->setWordWrap(false);
        value->setMinimumWidth(0);
    }
    form->addRow(label, value);
    return value;
}

void CertificatePane::show_login(const AgentState& state, const QDateTime& now) {
    setEnabled(state.login().has_value());
    if (!state.login()) {
        return;
    }
    const Login& login = *state.login();
    const qint64 left = now.secsTo(login.not_after);
    const qint64 life = std::max<qint64>(1, login.not_before.secsTo(login.not_after));
    const bool is_over = !login.is_usable() || left <= 0;
    left_->setText(login.state == LoginState::revoked ? tr("Revoked")
                   : is_over                          ? tr("Expired")
                             : tr("%1 left").arg(Wording::duration(std::chrono::seconds(left))));
    renewal_->setText(login.state == LoginState::revoked
                          ? tr("This certificate is no longer accepted anywhere. Sign in again.")
                      : is_over ? tr("Sign in to get a new certificate.")
                      : login.state == LoginState::renewing
                          ? tr("A new certificate is on its way.")
                          : tr("Renewed by itself until your login ends, at %1.")
                                .arg(Wording::time(login.session_ends, now)));
    bar_->setValue(is_over ? 0 : static_cast<int>(std::clamp<qint64>(left * 1000 / life, 0, 1000)));
    const auto exactly = [](const QDateTime& time) {
        return time.isValid() ? QLocale().toString(time.toLocalTime(), QLocale::ShortFormat)
                              : QStringLiteral("–");
    };
    user_->setText(login.user);
    groups_->setText(login.groups.isEmpty() ? tr("none") : login.groups.join(QLatin1String(", ")));
    valid_from_->setText(exactly(login.not_before));
    valid_until_->setText(exactly(login.not_after));
    session_->setText(exactly(login.session_ends));
    serial_->setText(login.serial);
    issuer_->setText(login.issuer);
    ca_->setText(state.trust() ? state.trust()->ca : QString());
    fingerprint_->setText(state.trust() ? Wording::fingerprint(state.trust()->fingerprint) : QString());
    file_->set_text(login.certificate_file);
}

EventsPane::EventsPane(QWidget* parent) : QWidget(parent) {
    auto* const layout = new QVBoxLayout(this);
    layout->setContentsMargins(2, 14, 2, 14);
    layout->setSpacing(10);
    only_ = new QCheckBox(this);
    list_ = new QTreeWidget(this);
    list_->setRootIsDecorated(false);
    list_->setUniformRowHeights(true);
    list_->setAllColumnsShowFocus(true);
    list_->setHeaderLabels({tr("When"), tr("Service"), tr("What happened")});
    list_->setAccessibleName(tr("Recent events"));
    list_->setTextElideMode(Qt::ElideRight);
    list_->header()->setSectionResizeMode(0, QHeaderView::ResizeToContents);
    list_->header()->setSectionResizeMode(1, QHeaderView::ResizeToContents);
    list_->header()->setStretchLastSection(true);
    list_->header()->setDefaultAlignment(Qt::AlignLeft | Qt::AlignVCenter);
    list_->setMinimumHeight(fontMetrics().height() * 9);

    auto* const card = new QFrame(this);
    card->setProperty("card", true);
    auto* const inside = new QVBoxLayout(card);
    inside->setContentsMargins(16, 12, 16, 12);
    inside->setSpacing(4);
    what_ = plain_label({}, card, true);
    scale_font(what_, 1.0, true);
    more_ = plain_label({}, card, true);
    connection_id_ = new CopyLine(tr("connection id"), card);
    inside->addWidget(what_);
    inside->addWidget(more_);
    inside->addWidget(connection_id_);
    details_ = card;
    layout->addWidget(only_);
    layout->addWidget(list_, 1);
    layout->addWidget(details_);
    connect(only_, &QCheckBox::toggled, this, &EventsPane::fill);
    connect(list_, &QTreeWidget::currentItemChanged, this, &EventsPane::show_chosen);
    show_chosen();
}

void EventsPane::show_events(const QList<Event>& events, const QString& service, const QDateTime& now) {
    only_->setVisible(!service.isEmpty());
    only_->setText(tr("&Only %1").arg(without_keys(service)));
    if (events == events_ && service == service_ && now.date() == now_.date()) {
        return;
    }
    events_ = events;
    service_ = service;
    now_ = now;
    fill();
}

void EventsPane::fill() {
    const QTreeWidgetItem* const chosen = list_->currentItem();
    const QVariant kept = chosen != nullptr ? chosen->data(0, Qt::UserRole + 1) : QVariant();
    const Tones tones = Tones::of(palette());
    list_->clear();
    for (qsizetype at = 0; at < events_.size(); ++at) {
        const Event& event = events_[at];
        if (only_->isChecked() && !service_.isEmpty() && event.service != service_) {
            continue;
        }
        auto* const item = new QTreeWidgetItem(
            list_, {Wording::time(event.time, now_), event.service, Wording::event(event)});
        item->setData(0, Qt::UserRole, static_cast<int>(at));
        item->setData(0, Qt::UserRole + 1, event.time);
        item->setToolTip(2, item->text(2));
        if (event.kind == QLatin1String("refused") || event.kind == QLatin1String("cut")) {
            item->setForeground(2, tones.danger);
        }
        if (kept.isValid() && kept.toDateTime() == event.time) {
            list_->setCurrentItem(item);
        }
    }
    show_chosen();
}

void EventsPane::show_chosen() {
    const QTreeWidgetItem* const item = list_->currentItem();
    const int at = item != nullptr ? item->data(0, Qt::UserRole).toInt() : -1;
    if (at < 0 || at >= events_.size()) {
        details_->hide();
        return;
    }
    const Event& event = events_[at];
    what_->setText(Wording::event(event));
    QStringList lines;
    for (const QString& line : {Wording::detail(event.trouble), Wording::next_step(event.trouble)}) {
        if (!line.isEmpty() && line != what_->text()) {
            lines.append(line);
        }
    }
    more_->setText(lines.join(QLatin1Char('\n')));
    more_->setVisible(!lines.isEmpty());
    connection_id_->set_text(event.trouble.connection_id);
    connection_id_->setVisible(!event.trouble.connection_id.isEmpty());
    details_->show();
}

}  // namespace postern::tray

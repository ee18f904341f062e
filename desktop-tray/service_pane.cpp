#include "desktop-tray/service_pane.hpp"

#include <QCheckBox>
#include <QComboBox>
#include <QFocusEvent>
#include <QGridLayout>
#include <QJsonArray>
#include <QLabel>
#include <QLineEdit>
#include <QMessageBox>
#include <QPainter>
#include <QPushButton>
#include <QSpinBox>
#include <QToolButton>

#include "desktop-tray/appearance.hpp"
#include "desktop-tray/copy_line.hpp"
#include "desktop-tray/elided_label.hpp"
#include "desktop-tray/foreign_text.hpp"
#include "desktop-tray/glyphs.hpp"
#include "desktop-tray/wording.hpp"

namespace postern::tray {

namespace {

QFrame* make_card(QWidget* parent) {
    auto* const card = new QFrame(parent);
    card->setProperty("card", true);
    return card;
}

QPixmap dot_pixmap(const QColor& color, int side, double ratio) {
    QPixmap pixmap(QSize(side, side) * ratio);
    pixmap.setDevicePixelRatio(ratio);
    pixmap.fill(Qt::transparent);
    QPainter painter(&pixmap);
    painter.setRenderHint(QPainter::Antialiasing);
    painter.setPen(Qt::NoPen);
    painter.setBrush(color);
    painter.drawEllipse(QRectF(0.5, 0.5, side - 1, side - 1));
    return pixmap;
}

}  // namespace

ServicePane::ServicePane(AgentClient* client, QWidget* parent) : QWidget(parent), client_(client) {
    auto* const layout = new QVBoxLayout(this);
    layout->setContentsMargins(2, 14, 2, 14);
    layout->setSpacing(14);
    trouble_ = new NoticeBox(NoticeBox::Tone::danger, this);
    layout->addWidget(make_header());
    layout->addWidget(trouble_);
    layout->addWidget(make_connection_card());
    layout->addWidget(make_use_card());
    align_labels();
    layout->addStretch();
}

/// Makes both cards begin their values at the same column.
void ServicePane::align_labels() {
    int width = 0;
    for (const QLabel* label : labels_) {
        width = std::max(width, label->sizeHint().width());
    }
    for (QLabel* label : labels_) {
        label->setMinimumWidth(width);
    }
}

QWidget* ServicePane::make_header() {
    auto* const header = new QWidget(this);
    auto* const grid = new QGridLayout(header);
    grid->setContentsMargins(0, 0, 0, 0);
    grid->setHorizontalSpacing(8);
    grid->setVerticalSpacing(3);
    name_ = new ElidedLabel(1, header);
    name_->setSizePolicy(QSizePolicy::Maximum, QSizePolicy::Preferred);
    scale_font(name_, 1.35, true);
    star_ = new QToolButton(header);
    star_->setCheckable(true);
    toggle_ = new QPushButton(header);
    toggle_->setObjectName(QStringLiteral("toggle"));
    description_ = new ElidedLabel(2, header);
    make_quiet(description_);
    dot_ = new QLabel(header);
    state_ = new ElidedLabel(2, header);
    auto* const title = new QHBoxLayout;
    title->setSpacing(6);
    title->addWidget(name_, 1000);
    title->addWidget(star_, 0, Qt::AlignVCenter);
    title->addStretch(1);
    auto* const line = new QHBoxLayout;
    line->setSpacing(7);
    // The dot stands beside the first line of a text that may have two.
    dot_->setFixedHeight(state_->fontMetrics().height());
    line->addWidget(dot_, 0, Qt::AlignTop);
    line->addWidget(state_, 1);
    grid->addLayout(title, 0, 0);
    grid->addWidget(description_, 1, 0);
    grid->addLayout(line, 2, 0);
    grid->addWidget(toggle_, 0, 1, 3, 1, Qt::AlignVCenter);
    grid->setColumnStretch(0, 1);
    connect(toggle_, &QPushButton::clicked, this, &ServicePane::toggle);
    connect(star_, &QToolButton::toggled, this, [this](bool is_favourite) {
        change_list(QStringLiteral("favourites"), client_->state().settings().favourites, is_favourite);
    });
    return header;
}

QWidget* ServicePane::make_connection_card() {
    auto* const card = make_card(this);
    auto* const grid = new QGridLayout(card);
    grid->setContentsMargins(16, 14, 16, 14);
    grid->setHorizontalSpacing(16);
    grid->setVerticalSpacing(10);
    auto* const port_label = new QLabel(tr("Local &port"), card);
    port_ = new QSpinBox(card);
    port_->setRange(0, 65535);
    port_->setSpecialValueText(tr("a free one"));
    port_->setGroupSeparatorShown(false);
    port_->setKeyboardTracking(false);
    port_->setMinimumWidth(port_->fontMetrics().averageCharWidth() * 14);
    port_->setToolTip(tr("Programs on this computer connect to localhost and this port. It is remembered."));
    port_label->setBuddy(port_);
    mode_label_ = new QLabel(tr("&Encryption"), card);
    mode_ = new QComboBox(card);
    // In a narrow window this box is the first to give way.
    mode_->setMinimumWidth(fontMetrics().averageCharWidth() * 16);
    mode_label_->setBuddy(mode_);
    at_start_ = new QCheckBox(tr("Connect when Postern starts"), card);
    auto* const traffic_label = new QLabel(tr("Traffic"), card);
    traffic_ = plain_label({}, card);
    for (QLabel* label : {port_label, mode_label_, traffic_label}) {
        make_quiet(label);
        labels_.append(label);
    }
    grid->addWidget(port_label, 0, 0);
    grid->addWidget(port_, 0, 1, Qt::AlignLeft);
    grid->addWidget(mode_label_, 1, 0);
    grid->addWidget(mode_, 1, 1, Qt::AlignLeft);
    grid->addWidget(traffic_label, 2, 0, Qt::AlignTop);
    grid->addWidget(traffic_, 2, 1);
    grid->addWidget(at_start_, 3, 1);
    grid->setColumnStretch(1, 1);
    for (QWidget* field : std::initializer_list<QWidget*>{port_, mode_}) {
        field->setFocusPolicy(Qt::StrongFocus);
        field->installEventFilter(this);
    }
    connect(port_, &QSpinBox::editingFinished, this, &ServicePane::change_port);
    connect(at_start_, &QCheckBox::toggled, this, [this](bool is_on) {
        change_list(QStringLiteral("connect_at_start"), client_->state().settings().connect_at_start, is_on);
    });
    return card;
}

QWidget* ServicePane::make_use_card() {
    use_card_ = make_card(this);
    auto* const grid = new QGridLayout(use_card_);
    grid->setContentsMargins(16, 14, 16, 14);
    grid->setHorizontalSpacing(16);
    grid->setVerticalSpacing(6);
    const std::pair<const char*, QString> lines[] = {{"psql", tr("psql command")},
                                                     {"jdbc", tr("JDBC URL")},
                                                     {"dsn", tr("DSN")},
                                                     {"env", tr("Environment")}};
    int row = 0;
    for (const auto& [name, title] : lines) {
        auto* const label = new QLabel(title, use_card_);
        make_quiet(label);
        auto* const line = new CopyLine(title, use_card_);
        grid->addWidget(label, row, 0);
        grid->addWidget(line, row, 1);
        commands_.insert(QLatin1String(name), line);
        command_labels_.insert(QLatin1String(name), label);
        labels_.append(label);
        ++row;
    }
    no_commands_ = plain_label(tr("Commands to copy appear here once it is connected."), use_card_);
    make_quiet(no_commands_);
    grid->addWidget(no_commands_, row, 0, 1, 2);
    ++row;
    psql_ = new QPushButton(glyph_icon(Glyph::terminal), QLatin1Char(' ') + tr("Open psq&l in a terminal"),
                            use_card_);
    // The name leaves out the gap between glyph and text, and the mark of the accelerator.
    psql_->setAccessibleName(psql_->text().trimmed().remove(QLatin1Char('&')));
    grid->addWidget(psql_, row, 1, Qt::AlignLeft);
    grid->setColumnStretch(1, 1);
    connect(psql_, &QPushButton::clicked, this, [this] { emit psql_wanted(service_.name); });
    return use_card_;
}

void ServicePane::show_service(const Service* service) {
    setVisible(service != nullptr);
    if (service == nullptr) {
        service_ = {};
        return;
    }
    if (service->name != service_.name || service->state != service_.state ||
        service->port != service_.port) {
        refusal_ = {};
    }
    service_ = *service;
    name_->setText(service_.name);
    description_->setText(service_.description);
    description_->setVisible(!service_.description.isEmpty());
    star_->setIcon(glyph_icon(service_.is_favourite ? Glyph::star_filled : Glyph::star));
    show_checked(star_, service_.is_favourite);
    star_->setToolTip(service_.is_favourite ? tr("Remove from favourites") : tr("Add to favourites"));
    star_->setAccessibleName(star_->toolTip());

    const Tones tones = Tones::of(palette());
    const bool is_signed_in = client_->state().is_signed_in();
    const bool is_good = service_.state == ServiceState::connected && is_signed_in;
    const QColor color = is_good                                      ? tones.good
                         : service_.state == ServiceState::connected  ? tones.warning
                         : service_.state == ServiceState::connecting ? tones.warning
                         : service_.state == ServiceState::error      ? tones.danger
                                                                      : tones.quiet_text;
    dot_->setPixmap(dot_pixmap(color, 9, devicePixelRatioF()));
    state_->setText(service_.state == ServiceState::error
                        ? (service_.is_on()
                               ? tr("Open on localhost:%1, last connection refused").arg(service_.port)
                               : tr("Not connected"))
                        : Wording::state(service_, is_signed_in));
    const bool is_primary = !service_.is_on();
    toggle_->setText(service_.is_on()                        ? tr("&Disconnect")
                     : service_.state == ServiceState::error ? tr("&Connect again")
                                                             : tr("&Connect"));
    toggle_->setAccessibleName(QString(toggle_->text()).remove(QLatin1Char('&')) + QLatin1Char(' ') +
                               service_.name);
    toggle_->setEnabled(service_.is_on() || service_.is_allowed);
    if (toggle_->property("primary").toBool() != is_primary) {
        toggle_->setProperty("primary", is_primary);
        toggle_->style()->unpolish(toggle_);
        toggle_->style()->polish(toggle_);
    }
    trouble_->show_trouble(!refusal_.is_empty() ? refusal_ : service_.error);
    if (!port_->hasFocus()) {
        port_->setValue(service_.port);
    }
    show_checked(at_start_, service_.connects_at_start);
    show_modes(service_);
    show_commands(service_);
    show_traffic(service_);
}

void ServicePane::show_modes(const Service& service) {
    const auto title = [](const QString& mode) {
        return mode == QLatin1String("end_to_end")    ? tr("By Postern (any program works)")
               : mode == QLatin1String("passthrough") ? tr("By the program itself")
                                                      : mode;
    };
    QStringList shown;
    for (int at = 0; at < mode_->count(); ++at) {
        shown.append(mode_->itemData(at).toString());
    }
    if (shown != service.modes) {
        mode_->clear();
        for (const QString& mode : service.modes) {
            mode_->addItem(title(mode), mode);
        }
        mode_->setCurrentIndex(std::max(0, mode_->findData(service.mode)));
    }
    if (service.is_on()) {
        mode_->setCurrentIndex(std::max(0, mode_->findData(service.mode)));
    }
    mode_->setEnabled(!service.is_on());
    mode_->setToolTip(service.is_on() ? tr("Disconnect to change this.") : QString());
    mode_->setVisible(service.modes.size() > 1);
    mode_label_->setVisible(service.modes.size() > 1);
}

void ServicePane::show_commands(const Service& service) {
    bool has_any = false;
    for (auto line = commands_.cbegin(); line != commands_.cend(); ++line) {
        const QString text = service.commands.value(line.key());
        line.value()->set_text(text);
        line.value()->setVisible(!text.isEmpty());
        command_labels_[line.key()]->setVisible(!text.isEmpty());
        has_any = has_any || !text.isEmpty();
    }
    no_commands_->setVisible(!has_any);
    psql_->setVisible(service.is_postgres() && has_any);
    psql_->setEnabled(service.is_on());
    psql_->setToolTip(service.is_on() ? QString() : tr("Connect first."));
}

void ServicePane::show_traffic(const Service& service) {
    service_.connections = service.connections;
    service_.bytes_in = service.bytes_in;
    service_.bytes_out = service.bytes_out;
    traffic_->setText(service.is_on()
                          ? tr("%1 · %2 received · %3 sent")
                                .arg(Wording::connections(service.connections),
                                     Wording::bytes(service.bytes_in), Wording::bytes(service.bytes_out))
                          : tr("none"));
}

void ServicePane::show_refusal(const Trouble& trouble) {
    refusal_ = trouble;
    trouble_->show_trouble(trouble);
    if (!port_->hasFocus()) {
        port_->setValue(service_.port);
    }
}

void ServicePane::toggle() {
    refusal_ = {};
    if (service_.is_on()) {
        client_->disconnect_service(service_.name);
    } else if (!service_.is_listed) {
        ask_to_pass_through(service_.name);
    } else {
        // A mode that nobody has changed is for the CA to say.
        const QString mode = mode_->currentData().toString();
        client_->connect_service(service_.name, mode != service_.mode ? mode : QString());
    }
}

void ServicePane::ask_to_pass_through(const QString& service) {
    auto* const question = new QMessageBox(
        QMessageBox::Warning, QStringLiteral("Postern"),
        tr("The CA does not list “%1”. Connect all the same?").arg(service), QMessageBox::NoButton, this);
    question->setAttribute(Qt::WA_DeleteOnClose);
    question->setWindowModality(Qt::WindowModal);
    set_informative_text(
        question, tr("Postern cannot check who answers, and does not encrypt: whoever runs the gateway can "
                     "read and change what your program does not encrypt by itself."));
    QPushButton* const yes = question->addButton(tr("&Pass through"), QMessageBox::AcceptRole);
    QPushButton* const no = question->addButton(tr("C&ancel"), QMessageBox::RejectRole);
    question->setDefaultButton(no);
    question->setEscapeButton(no);
    connect(yes, &QPushButton::clicked, client_,
            [client = client_, service] { client->connect_service(service, QStringLiteral("passthrough")); });
    question->open();
}

void ServicePane::change_port() {
    const int port = port_->value();
    if (port == 0 || port == service_.port || service_.name.isEmpty()) {
        port_->setValue(service_.port);
        return;
    }
    refusal_ = {};
    if (service_.connections > 0) {
        port_->setValue(service_.port);
        ask_to_move(service_.name, port, service_.connections);
        return;
    }
    client_->set_port(service_.name, port);
}

void ServicePane::ask_to_move(const QString& service, int port, int connections) {
    auto* const question =
        new QMessageBox(QMessageBox::Question, QStringLiteral("Postern"),
                        tr("Move “%1” to port %2?").arg(service).arg(port), QMessageBox::NoButton, this);
    question->setAttribute(Qt::WA_DeleteOnClose);
    question->setWindowModality(Qt::WindowModal);
    set_informative_text(question, tr("%n open connection(s) end then.", nullptr, connections));
    QPushButton* const yes = question->addButton(tr("&Move"), QMessageBox::AcceptRole);
    QPushButton* const no = question->addButton(tr("C&ancel"), QMessageBox::RejectRole);
    question->setDefaultButton(no);
    question->setEscapeButton(no);
    connect(yes, &QPushButton::clicked, client_,
            [client = client_, service, port] { client->set_port(service, port); });
    question->open();
}

bool ServicePane::eventFilter(QObject* watched, QEvent* event) {
    if (event->type() == QEvent::Wheel && !static_cast<QWidget*>(watched)->hasFocus()) {
        event->ignore();  // The event then scrolls what the field is in.
        return true;
    }
    const bool leaves = event->type() == QEvent::FocusOut &&
                        static_cast<QFocusEvent*>(event)->reason() == Qt::ActiveWindowFocusReason;
    if (watched == port_ && leaves) {
        port_->setValue(service_.port);  // A number that is half typed does not count.
    }
    return QWidget::eventFilter(watched, event);
}

void ServicePane::change_list(const QString& setting, QStringList names, bool is_in) {
    names.removeAll(service_.name);
    if (is_in) {
        names.append(service_.name);
    }
    client_->change_setting(setting, QJsonArray::fromStringList(names));
}

}  // namespace postern::tray

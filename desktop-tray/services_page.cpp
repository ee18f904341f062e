#include "desktop-tray/services_page.hpp"

#include <QAction>
#include <QBoxLayout>
#include <QKeyEvent>
#include <QLabel>
#include <QLineEdit>
#include <QListView>
#include <QMenu>
#include <QPainter>
#include <QScrollArea>
#include <QSplitter>
#include <QStackedWidget>
#include <QTabBar>
#include <QTabWidget>
#include <QToolButton>

#include "desktop-tray/appearance.hpp"
#include "desktop-tray/elided_label.hpp"
#include "desktop-tray/glyphs.hpp"
#include "desktop-tray/login_panes.hpp"
#include "desktop-tray/notice_box.hpp"
#include "desktop-tray/pages.hpp"
#include "desktop-tray/service_pane.hpp"
#include "desktop-tray/wording.hpp"

namespace postern::tray {

namespace {

constexpr QLatin1String kCaUnreachable("ca_unreachable");

QPixmap avatar_pixmap(const QString& user, int side, double ratio, const Tones& tones, const QFont& font) {
    QPixmap pixmap(QSize(side, side) * ratio);
    pixmap.setDevicePixelRatio(ratio);
    pixmap.fill(Qt::transparent);
    QPainter painter(&pixmap);
    painter.setRenderHint(QPainter::Antialiasing);
    painter.setPen(Qt::NoPen);
    painter.setBrush(tones.selection);
    painter.drawEllipse(QRectF(0, 0, side, side));
    QFont bold = font;
    bold.setPixelSize(side * 2 / 5);
    bold.setWeight(QFont::DemiBold);
    painter.setFont(bold);
    painter.setPen(tones.accent);
    painter.drawText(QRect(0, 0, side, side), Qt::AlignCenter, user.left(1).toUpper());
    return pixmap;
}

QScrollArea* scrolled(QWidget* content, QWidget* parent) {
    auto* const scroll = new QScrollArea(parent);
    scroll->setWidgetResizable(true);
    scroll->setFrameShape(QFrame::NoFrame);
    scroll->setFocusPolicy(Qt::NoFocus);
    scroll->setHorizontalScrollBarPolicy(Qt::ScrollBarAsNeeded);
    scroll->setWidget(content);
    scroll->viewport()->setAutoFillBackground(false);
    content->setAutoFillBackground(false);
    return scroll;
}

}  // namespace

ServicesPage::ServicesPage(AgentClient* client, Clock clock, QMenu* menu, QWidget* parent)
    : QWidget(parent), client_(client), clock_(std::move(clock)) {
    attention_ = new NoticeBox(NoticeBox::Tone::warning, this);
    connect(attention_, &NoticeBox::clicked, this, &ServicesPage::sign_in_wanted);
    split_ = new QSplitter(Qt::Horizontal, this);
    split_->setChildrenCollapsible(false);
    split_->setHandleWidth(18);
    split_->addWidget(make_list());
    split_->addWidget(make_panes());
    split_->setStretchFactor(0, 0);
    split_->setStretchFactor(1, 1);
    const int line = fontMetrics().height();
    split_->setSizes({line * 22, line * 40});
    auto* const layout = new QVBoxLayout(this);
    layout->setContentsMargins(18, 14, 18, 14);
    layout->setSpacing(12);
    layout->addWidget(make_header(menu));
    layout->addWidget(attention_);
    layout->addWidget(split_, 1);
}

QWidget* ServicesPage::make_header(QMenu* menu) {
    auto* const header = new QWidget(this);
    avatar_ = new QLabel(header);
    who_ = new ElidedLabel(1, header);
    scale_font(who_, 1.1, true);
    until_ = new ElidedLabel(1, header);
    make_quiet(until_);
    menu_button_ = make_menu_button(header);
    menu_button_->setMenu(menu);
    menu_button_->setShortcut(QKeySequence(Qt::Key_F10));
    auto* const texts = new QVBoxLayout;
    texts->setSpacing(1);
    texts->addWidget(who_);
    texts->addWidget(until_);
    auto* const row = new QHBoxLayout(header);
    row->setContentsMargins(0, 0, 0, 0);
    row->setSpacing(12);
    row->addWidget(avatar_);
    row->addLayout(texts, 1);
    row->addWidget(menu_button_);
    return header;
}

QWidget* ServicesPage::make_list() {
    auto* const side = new QWidget(this);
    filter_text_ = new QLineEdit(side);
    filter_text_->setObjectName(QStringLiteral("filter"));
    filter_text_->setPlaceholderText(tr("Filter services"));
    filter_text_->setAccessibleName(tr("Filter services"));
    filter_text_->setClearButtonEnabled(true);
    filter_text_->setMaxLength(100);
    filter_text_->addAction(glyph_icon(Glyph::search), QLineEdit::LeadingPosition);
    filter_text_->installEventFilter(this);
    rows_ = new ServiceRows(this);
    filter_ = new ServiceFilter(rows_, this);
    auto* const painter = new ServicePainter(filter_, this);
    list_ = new QListView(side);
    list_->setModel(filter_);
    list_->setItemDelegate(painter);
    list_->setUniformItemSizes(true);
    list_->setMouseTracking(true);
    list_->setVerticalScrollMode(QAbstractItemView::ScrollPerPixel);
    list_->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
    list_->setEditTriggers(QAbstractItemView::NoEditTriggers);
    list_->setObjectName(QStringLiteral("services"));
    list_->setAccessibleName(tr("Services"));
    list_->installEventFilter(this);
    empty_ = plain_label({}, side);
    empty_->setAlignment(Qt::AlignCenter);
    empty_->setMargin(24);
    empty_->setProperty("card", true);
    make_quiet(empty_);
    list_or_empty_ = new QStackedWidget(side);
    list_or_empty_->addWidget(list_);
    list_or_empty_->addWidget(empty_);
    auto* const layout = new QVBoxLayout(side);
    layout->setContentsMargins(0, 0, 0, 0);
    layout->setSpacing(10);
    layout->addWidget(filter_text_);
    layout->addWidget(list_or_empty_, 1);
    side->setMinimumWidth(fontMetrics().averageCharWidth() * 24);
    connect(filter_text_, &QLineEdit::textChanged, this, [this](const QString& text) {
        filter_->set_text(text);
        show_empty_text();
        choose_first_if_none();
    });
    connect(painter, &ServicePainter::switched, this, &ServicesPage::toggle);
    connect(list_->selectionModel(), &QItemSelectionModel::currentChanged, this,
            &ServicesPage::on_current_changed);
    return side;
}

QWidget* ServicesPage::make_panes() {
    tabs_ = new QTabWidget(this);
    tabs_->setDocumentMode(true);
    tabs_->tabBar()->setDrawBase(false);
    service_pane_ = new ServicePane(client_, tabs_);
    no_service_ = plain_label({}, tabs_);
    no_service_->setAlignment(Qt::AlignCenter);
    make_quiet(no_service_);
    auto* const first = new QWidget(tabs_);
    auto* const layout = new QVBoxLayout(first);
    layout->setContentsMargins(0, 0, 0, 0);
    layout->addWidget(service_pane_);
    layout->addWidget(no_service_);
    certificate_pane_ = new CertificatePane(tabs_);
    events_pane_ = new EventsPane(tabs_);
    tabs_->addTab(scrolled(first, tabs_), tr("Connec&tion"));
    tabs_->addTab(scrolled(certificate_pane_, tabs_), tr("Certi&ficate"));
    tabs_->addTab(events_pane_, tr("E&vents"));
    tabs_->setMinimumWidth(fontMetrics().averageCharWidth() * 42);
    connect(service_pane_, &ServicePane::psql_wanted, this, &ServicesPage::psql_wanted);
    connect(client_, &AgentClient::refused, this, [this](const QString& service, const Trouble& trouble) {
        if (service == chosen_ || service.isEmpty()) {
            service_pane_->show_refusal(trouble);
        }
    });
    return tabs_;
}

void ServicesPage::show_state() {
    rows_->show(client_->state().services(), client_->state().is_signed_in());
    show_header();
    show_empty_text();
    const QString wanted = chosen_;
    choose(wanted);
    choose_first_if_none();
    const Service* service = client_->state().service(chosen_);
    service_pane_->show_service(service);
    no_service_->setVisible(service == nullptr);
    no_service_->setText(rows_->rowCount() == 0 ? QString() : tr("Choose a service at the left."));
    certificate_pane_->show_login(client_->state(), clock_());
    events_pane_->show_events(client_->state().events(), chosen_, clock_());
}

void ServicesPage::show_traffic() {
    rows_->show(client_->state().services(), client_->state().is_signed_in());
    if (const Service* service = client_->state().service(chosen_)) {
        service_pane_->show_traffic(*service);
    }
}

void ServicesPage::show_header() {
    const AgentState& state = client_->state();
    const bool is_in = state.login().has_value();
    const QString user = is_in ? state.login()->user : QString();
    const int side = fontMetrics().height() * 2 + 4;
    avatar_->setPixmap(avatar_pixmap(user, side, devicePixelRatioF(), Tones::of(palette()), font()));
    who_->setText(user);
    if (is_in && state.login()->is_usable()) {
        const QDateTime now = clock_();
        const auto left = std::chrono::seconds(now.secsTo(state.login()->not_after));
        until_->setText(left.count() > 0 ? tr("Certificate valid for %1 · signed in until %2")
                                               .arg(Wording::duration(left),
                                                    Wording::time(state.login()->session_ends, now))
                                         : tr("Certificate is being renewed …"));
    } else {
        const bool has_expired = state.attention() && state.attention()->reason == kCaUnreachable;
        until_->setText(has_expired ? tr("Certificate has expired")
                        : is_in     ? tr("Not signed in any more")
                                    : tr("Signed out"));
    }
    Trouble trouble = state.attention().value_or(Trouble());
    if (trouble.is_empty() && is_in && state.login()->ends_soon(clock_())) {
        trouble.reason = QStringLiteral("login_ends_soon");
    }
    if (trouble.is_empty() && is_in && !state.login()->is_usable()) {
        trouble.reason = state.login()->state == LoginState::revoked ? QStringLiteral("revoked")
                                                                     : QStringLiteral("login_expired");
    }
    attention_->show_trouble(trouble);
    const bool needs_network = trouble.reason == kCaUnreachable;
    attention_->set_button(trouble.is_empty() || needs_network ? QString() : tr("Sign &in again"));
}

void ServicesPage::show_empty_text() {
    const AgentState& state = client_->state();
    if (rows_->rowCount() == 0 && state.are_services_known()) {
        empty_->setText(tr("No service is open to you yet.\nAsk your administrator for access."));
    } else if (rows_->rowCount() == 0 && state.services_trouble()) {
        empty_->setText(Wording::headline(*state.services_trouble()) + QLatin1Char('\n') +
                        Wording::next_step(*state.services_trouble()));
    } else if (rows_->rowCount() == 0) {
        empty_->setText(tr("Asking the gateways which services are open to you …"));
    } else {
        empty_->setText(tr("Nothing matches “%1”.").arg(filter_text_->text()));
    }
    list_or_empty_->setCurrentIndex(filter_->rowCount() == 0 ? 1 : 0);
}

void ServicesPage::choose(const QString& service) {
    for (int row = 0; row < filter_->rowCount(); ++row) {
        const QModelIndex index = filter_->index(row, 0);
        if (index.data(ServiceRows::kNameRole).toString() == service) {
            list_->setCurrentIndex(index);
            return;
        }
    }
}

void ServicesPage::choose_first_if_none() {
    if (!list_->currentIndex().isValid() && filter_->rowCount() > 0) {
        list_->setCurrentIndex(filter_->index(0, 0));
    }
}

void ServicesPage::on_current_changed() {
    const QModelIndex index = list_->currentIndex();
    if (!index.isValid()) {
        return;  // Filtered away: the pane keeps what it shows.
    }
    const QString name = index.data(ServiceRows::kNameRole).toString();
    if (name == chosen_) {
        return;
    }
    chosen_ = name;
    service_pane_->show_service(client_->state().service(chosen_));
    no_service_->hide();
    events_pane_->show_events(client_->state().events(), chosen_, clock_());
}

void ServicesPage::toggle(const QString& service) {
    const Service* const known = client_->state().service(service);
    if (known == nullptr) {
        return;
    }
    if (!known->is_listed && !known->is_on()) {
        choose(service);
    }
    if (service == chosen_) {
        service_pane_->toggle();
    } else if (known->is_on()) {
        client_->disconnect_service(service);
    } else {
        client_->connect_service(service);
    }
}

void ServicesPage::find() {
    filter_text_->setFocus(Qt::ShortcutFocusReason);
    filter_text_->selectAll();
}

void ServicesPage::focus_list() {
    list_->setFocus();
}

void ServicesPage::show_tab(int index) {
    tabs_->setCurrentIndex(index);
}
QByteArray ServicesPage::save_split() const {
    return split_->saveState();
}
void ServicesPage::restore_split(const QByteArray& split) {
    split_->restoreState(split);
}

bool ServicesPage::eventFilter(QObject* watched, QEvent* event) {
    if (event->type() == QEvent::KeyPress) {
        const int key = static_cast<QKeyEvent*>(event)->key();
        if (watched == filter_text_ && key == Qt::Key_Escape && !filter_text_->text().isEmpty()) {
            filter_text_->clear();
            return true;
        }
        if (watched == filter_text_ &&
            (key == Qt::Key_Down || key == Qt::Key_Return || key == Qt::Key_Enter)) {
            list_->setFocus();
            return true;
        }
        if (watched == list_ && (key == Qt::Key_Space || key == Qt::Key_Return || key == Qt::Key_Enter) &&
            list_->currentIndex().isValid()) {
            toggle(list_->currentIndex().data(ServiceRows::kNameRole).toString());
            return true;
        }
    }
    return QWidget::eventFilter(watched, event);
}

}  // namespace postern::tray

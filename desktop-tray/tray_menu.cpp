#include "desktop-tray/tray_menu.hpp"

#include <QApplication>
#include <QClipboard>
#include <QMenu>
#include <algorithm>

#include "desktop-tray/foreign_text.hpp"
#include "desktop-tray/glyphs.hpp"
#include "desktop-tray/notices.hpp"
#include "desktop-tray/wording.hpp"

namespace postern::tray {

namespace {

constexpr qsizetype kMostInMenu = 12;

QList<Service> in_menu_order(QList<Service> services) {
    std::stable_sort(services.begin(), services.end(), [](const Service& a, const Service& b) {
        return std::pair(!a.is_favourite, !a.is_on()) < std::pair(!b.is_favourite, !b.is_on());
    });
    return services;
}

}  // namespace

TrayMenu::TrayMenu(AgentClient* client, Clock clock, QObject* parent)
    : QObject(parent), client_(client), clock_(std::move(clock)), menu_(std::make_unique<QMenu>()) {
    connect(&notifier_, &Notifier::clicked, this, &TrayMenu::on_clicked);
    connect(client_, &AgentClient::state_changed, this, &TrayMenu::show_state);
    connect(client_, &AgentClient::status_changed, this, &TrayMenu::show_state);
    show_state();
}

TrayMenu::~TrayMenu() = default;

bool TrayMenu::show() {
    if (icon_ || !QSystemTrayIcon::isSystemTrayAvailable()) {
        return is_shown();
    }
    icon_ = std::make_unique<QSystemTrayIcon>();
    icon_->setContextMenu(menu_.get());
    connect(icon_.get(), &QSystemTrayIcon::activated, this, [this](QSystemTrayIcon::ActivationReason reason) {
        if (reason == QSystemTrayIcon::Trigger || reason == QSystemTrayIcon::DoubleClick) {
            emit window_wanted();
        }
    });
    connect(icon_.get(), &QSystemTrayIcon::messageClicked, this, &TrayMenu::on_clicked);
    show_icon();
    icon_->show();
    return true;
}

void TrayMenu::on_clicked() {
    said_wants_sign_in_ ? emit sign_in_wanted() : emit window_wanted();
}

void TrayMenu::say(const Notice& notice) {
    said_wants_sign_in_ = notice.wants_sign_in;
    if (is_shown()) {
        icon_->showMessage(without_markup(notice.title), without_markup(notice.text),
                           notice.is_warning ? QSystemTrayIcon::Warning : QSystemTrayIcon::Information);
    } else {
        notifier_.say(without_markup(notice.title), without_markup(notice.text));
    }
}

QString TrayMenu::header() const {
    const AgentState& state = client_->state();
    if (state.is_signed_in() && !state.attention()) {
        const auto left = std::chrono::seconds(clock_().secsTo(state.login()->not_after));
        if (left.count() > 0) {
            return tr("%1 · %2 left").arg(state.login()->user, Wording::duration(left));
        }
    }
    return Wording::overview(state);
}

void TrayMenu::show_state() {
    show_icon();
    build();
}

void TrayMenu::show_icon() {
    if (!icon_) {
        return;
    }
    const Overview overview = client_->state().overview();
    if (shown_ != overview) {
        shown_ = overview;
        icon_->setIcon(tray_icon(overview));
    }
    icon_->setToolTip(without_markup(QStringLiteral("Postern: ") + Wording::overview(client_->state())));
}

void TrayMenu::build() {
    const AgentState& state = client_->state();
    const bool ends_soon = state.login() && state.login()->ends_soon(clock_());
    const bool may_sign_in = state.trust() && (!state.is_signed_in() || state.attention() || ends_soon);
    // Rebuilding closes a menu that is open, so it is done only when the menu would offer something else.
    QString content = QStringLiteral("%1 %2").arg(state.login().has_value()).arg(may_sign_in);
    for (const Service& service : state.services()) {
        content += QStringLiteral("\n%1\t%2\t%3\t%4\t%5")
                       .arg(service.name)
                       .arg(static_cast<int>(service.state))
                       .arg(service.port)
                       .arg(service.is_allowed && service.is_listed)
                       .arg(service.is_favourite);
    }
    if (content == std::exchange(built_, content)) {
        header_->setText(without_keys(header()));
        return;
    }
    menu_->clear();
    // clear() takes the entries away, but not the menus that they open.
    for (QMenu* const sub : menu_->findChildren<QMenu*>(QString(), Qt::FindDirectChildrenOnly)) {
        sub->deleteLater();
    }
    header_ = menu_->addAction(without_keys(header()));
    header_->setEnabled(false);
    menu_->addSeparator();
    if (state.login()) {
        const QList<Service> services = in_menu_order(state.services());
        for (const Service& service : services.mid(0, kMostInMenu)) {
            add_service(service);
        }
        if (services.size() > kMostInMenu) {
            connect(menu_->addAction(tr("%n more in the window …", nullptr,
                                        static_cast<int>(services.size() - kMostInMenu))),
                    &QAction::triggered, this, &TrayMenu::window_wanted);
        }
        menu_->addSeparator();
    }
    if (may_sign_in) {
        connect(menu_->addAction(tr("Sign &in …")), &QAction::triggered, this, &TrayMenu::sign_in_wanted);
    }
    if (state.login()) {
        connect(menu_->addAction(tr("Sign &out")), &QAction::triggered, client_, &AgentClient::sign_out);
    }
    connect(menu_->addAction(tr("&Open Postern")), &QAction::triggered, this, &TrayMenu::window_wanted);
    menu_->addSeparator();
    connect(menu_->addAction(tr("&Quit (connections stay open)")), &QAction::triggered, this,
            &TrayMenu::quit_wanted);
}

void TrayMenu::add_service(const Service& service) {
    const QString name = service.name;
    QString title = name;
    if (service.state == ServiceState::connected) {
        title = tr("%1 · localhost:%2").arg(name).arg(service.port);
    } else if (service.state == ServiceState::error) {
        title = tr("%1 · failed").arg(name);
    }
    QMenu* const sub = menu_->addMenu(without_keys(title));
    if (service.state == ServiceState::connected) {
        sub->setIcon(glyph_icon(Glyph::check));
    }
    if (service.is_on()) {
        connect(sub->addAction(tr("&Disconnect")), &QAction::triggered, client_,
                [client = client_, name] { client->disconnect_service(name); });
    } else {
        QAction* const connect_it = sub->addAction(tr("&Connect"));
        // The window asks first about what the CA does not list.
        connect_it->setEnabled(service.is_allowed && service.is_listed);
        connect(connect_it, &QAction::triggered, client_,
                [client = client_, name] { client->connect_service(name); });
    }
    if (service.is_postgres()) {
        QAction* const copy = sub->addAction(tr("Copy &psql command"));
        copy->setEnabled(!service.commands.value(QStringLiteral("psql")).isEmpty());
        connect(copy, &QAction::triggered, this, [client = client_, name] {
            if (const Service* known = client->state().service(name)) {
                QApplication::clipboard()->setText(known->commands.value(QStringLiteral("psql")));
            }
        });
    }
    if (service.port > 0) {
        sub->addAction(tr("Port %1").arg(service.port))->setEnabled(false);
    }
}

}  // namespace postern::tray

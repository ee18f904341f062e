#include "desktop-tray/main_window.hpp"

#include <QAction>
#include <QCloseEvent>
#include <QMenu>
#include <QMessageBox>
#include <QPushButton>
#include <QScreen>
#include <QStackedWidget>
#include <QVBoxLayout>

#include "desktop-tray/foreign_text.hpp"
#include "desktop-tray/glyphs.hpp"
#include "desktop-tray/pages.hpp"
#include "desktop-tray/platform/terminal_window.hpp"
#include "desktop-tray/services_page.hpp"
#include "desktop-tray/settings_dialog.hpp"
#include "desktop-tray/wording.hpp"

namespace postern::tray {

namespace {

constexpr qsizetype kMostWaitingLinks = 3;

/// Widens a message box, which is as narrow as its first line otherwise.
void widen(QMessageBox* box) {
    if (auto* const grid = qobject_cast<QGridLayout*>(box->layout())) {
        grid->addItem(new QSpacerItem(box->fontMetrics().averageCharWidth() * 52, 0), grid->rowCount(), 0, 1,
                      grid->columnCount());
    }
}

}  // namespace

MainWindow::MainWindow(AgentClient* client, Preferences* preferences, Clock clock, QWidget* parent)
    : QWidget(parent), client_(client), preferences_(preferences), clock_(std::move(clock)) {
    setWindowTitle(QStringLiteral("Postern"));
    setWindowIcon(program_icon());
    menu_ = make_menu();
    pages_ = new QStackedWidget(this);
    message_ = new MessagePage(this);
    set_up_ = new SetUpPage(client_, this);
    sign_in_ = new SignInPage(client_, this);
    services_ = new ServicesPage(client_, clock_, menu_, this);
    for (Page* page : std::initializer_list<Page*>{message_, set_up_, sign_in_}) {
        page->set_menu(menu_);
    }
    for (QWidget* page : std::initializer_list<QWidget*>{message_, set_up_, sign_in_, services_}) {
        pages_->addWidget(page);
    }
    auto* const layout = new QVBoxLayout(this);
    layout->setContentsMargins(0, 0, 0, 0);
    layout->addWidget(pages_);
    const int line = fontMetrics().height();
    // With large letters on a small screen the window stays inside, and its parts scroll.
    resize(QSize(line * 64, line * 43).boundedTo(screen()->availableSize() * 0.92));
    if (!preferences_->geometry().isEmpty()) {
        restoreGeometry(preferences_->geometry());
        services_->restore_split(preferences_->split());
    }
    connect(client_, &AgentClient::state_changed, this, &MainWindow::show_state);
    connect(client_, &AgentClient::status_changed, this, &MainWindow::show_state);
    connect(client_, &AgentClient::traffic_changed, services_, &ServicesPage::show_traffic);
    connect(message_, &MessagePage::try_again, client_, &AgentClient::try_again);
    connect(services_, &ServicesPage::sign_in_wanted, this, &MainWindow::show_sign_in);
    connect(services_, &ServicesPage::psql_wanted, this, &MainWindow::show_psql);
    connect(sign_in_, &SignInPage::go_back, this, [this] {
        wants_sign_in_ = false;
        put_off(has_asked_);
        show_state();
    });
    connect(sign_in_, &SignInPage::signed_in, this, [this](const QString& user) {
        wants_sign_in_ = false;
        if (!user.isEmpty()) {
            preferences_->set_last_user(user);
        }
        show_state();
    });
    tick_.setInterval(std::chrono::seconds(10));
    connect(&tick_, &QTimer::timeout, this, [this] {
        if (isVisible() && page() == PageKind::services) {
            services_->show_state();
        }
    });
    tick_.start();
    show_state();
}

QAction* MainWindow::add_action(QMenu* menu, const QString& text, const QKeySequence& key,
                                std::function<void()> act) {
    QAction* const action = menu->addAction(text);
    action->setShortcut(key);
    addAction(action);  // The keys work with the menu closed.
    connect(action, &QAction::triggered, this, std::move(act));
    return action;
}

QMenu* MainWindow::make_menu() {
    auto* const menu = new QMenu(this);
    sign_in_action_ = add_action(menu, tr("Sign &in …"), {}, [this] { show_sign_in(); });
    sign_out_action_ = add_action(menu, tr("Sign &out"), {}, [this] { client_->sign_out(); });
    refresh_action_ = add_action(menu, tr("&Refresh services"), QKeySequence::Refresh,
                                 [this] { client_->refresh_services(); });
    add_action(menu, tr("&Find"), QKeySequence::Find, [this] {
        if (page() == PageKind::services) {
            services_->find();
        }
    });
    menu->addSeparator();
    add_action(menu, tr("&Settings …"), QKeySequence(Qt::CTRL | Qt::Key_Comma), [this] { show_settings(); });
    menu->addSeparator();
    add_action(menu, tr("Close &window"), QKeySequence(Qt::CTRL | Qt::Key_W), [this] { close(); });
    add_action(menu, tr("&Quit (connections stay open)"), QKeySequence(Qt::CTRL | Qt::Key_Q),
               [this] { emit quit_wanted(); });
    return menu;
}

MainWindow::PageKind MainWindow::page() const {
    return static_cast<PageKind>(pages_->currentIndex());
}

QString MainWindow::last_user() const {
    const auto& login = client_->state().login();
    const auto& trust = client_->state().trust();
    return login ? login->user : trust && !trust->user.isEmpty() ? trust->user : preferences_->last_user();
}

void MainWindow::go_to(PageKind page) {
    if (this->page() == page) {
        return;
    }
    pages_->setCurrentIndex(static_cast<int>(page));
    if (page == PageKind::services) {
        services_->focus_list();
    } else if (page == PageKind::sign_in) {
        sign_in_->start(last_user(), wants_sign_in_);
    } else if (page == PageKind::set_up) {
        set_up_->start();
    }
}

void MainWindow::show_state() {
    const AgentState& state = client_->state();
    const bool is_in = state.login().has_value();
    sign_in_action_->setVisible(!state.is_signed_in() || state.login()->ends_soon(clock_()));
    sign_in_action_->setEnabled(state.is_known() && state.trust());
    sign_out_action_->setVisible(is_in);
    refresh_action_->setEnabled(is_in);
    const bool was_awaited = std::exchange(is_sign_in_awaited_, state.is_sign_in_awaited());
    if (state.is_signed_in()) {
        put_off(false);
        has_asked_ = false;
    } else if (is_sign_in_awaited_ && !was_awaited && !is_put_off_) {
        wants_sign_in_ = is_in;
        has_asked_ = true;
        raise_window();
    }
    if (!state.is_known()) {
        client_->status() == AgentClient::Status::failed ? message_->show_failure(client_->failure())
                                                         : message_->show_waiting();
        go_to(PageKind::message);
    } else if (!state.trust()) {
        go_to(PageKind::set_up);
    } else if (!is_in || wants_sign_in_) {
        go_to(PageKind::sign_in);
    } else {
        services_->show_state();
        go_to(PageKind::services);
    }
}

void MainWindow::bring_up() {
    put_off(false);
    raise_window();
}

/// Keeps a program that tries again each minute from bringing the window up each minute.
void MainWindow::put_off(bool is_put_off) {
    is_put_off_ = is_put_off;
    client_->ask_login(!is_put_off);
}

void MainWindow::raise_window() {
    show();
    setWindowState(windowState() & ~Qt::WindowMinimized);
    raise();
    activateWindow();
}

void MainWindow::show_sign_in() {
    wants_sign_in_ = client_->state().login().has_value();
    bring_up();
    show_state();
}

void MainWindow::show_settings() {
    SettingsDialog dialog(client_, preferences_, this);
    connect(&dialog, &SettingsDialog::theme_chosen, this, &MainWindow::theme_chosen);
    dialog.exec();
}

void MainWindow::choose(const QString& service) {
    services_->choose(service);
}

void MainWindow::ask_to_connect(const QString& service) {
    if (link_question_ != nullptr) {
        const bool is_known = service == asked_link_ || waiting_links_.contains(service);
        if (!is_known && waiting_links_.size() < kMostWaitingLinks) {
            waiting_links_.append(service);
        }
        return;
    }
    bring_up();
    const Service* const known = client_->state().service(service);
    if (known != nullptr && known->is_allowed) {
        choose(service);
        if (known->is_on()) {
            ask_next_link();
            return;
        }
    }
    asked_link_ = service;
    QMessageBox* const question = question_for(service);
    link_question_ = question;
    connect(question, &QMessageBox::finished, this, [this] {
        link_question_ = nullptr;
        ask_next_link();
    });
    question->open();
}

void MainWindow::ask_next_link() {
    if (!waiting_links_.isEmpty()) {
        ask_to_connect(waiting_links_.takeFirst());
    }
}

/// Makes the message box for a link, which its answer closes. It asks only about a service that may be
/// connected to, and otherwise tells why not.
QMessageBox* MainWindow::question_for(const QString& service) {
    const AgentState& state = client_->state();
    const Service* const known = state.service(service);
    auto* const question = new QMessageBox(this);
    question->setAttribute(Qt::WA_DeleteOnClose);
    question->setWindowModality(Qt::WindowModal);
    question->setTextFormat(Qt::PlainText);
    question->setIconPixmap(program_icon().pixmap(QSize(48, 48)));
    question->setWindowTitle(tr("A link was opened"));
    if (known != nullptr && known->is_allowed) {
        question->setText(tr("Connect to “%1”?").arg(service));
        set_informative_text(question,
                             tr("A link asks for it. Go on only if you opened that link yourself."));
        widen(question);
        QPushButton* const yes = question->addButton(tr("&Connect"), QMessageBox::AcceptRole);
        QPushButton* const no = question->addButton(tr("C&ancel"), QMessageBox::RejectRole);
        question->setDefaultButton(no);
        question->setEscapeButton(no);
        connect(yes, &QPushButton::clicked, client_,
                [client = client_, service] { client->connect_service(service); });
        return question;
    }
    if (state.login() && !state.are_services_known()) {
        question->setText(tr("Whether there is a service “%1” for you is not known yet.").arg(service));
        set_informative_text(question,
                             state.services_trouble()
                                 ? Wording::headline(*state.services_trouble())
                                 : tr("The gateways have not answered yet. Try again in a moment."));
        widen(question);
    } else {
        question->setText(state.login() ? tr("There is no service “%1” for you.").arg(service)
                                        : tr("Sign in first, then open the link again."));
    }
    question->addButton(QMessageBox::Close)->setText(tr("Cl&ose"));
    return question;
}

void MainWindow::show_psql(const QString& service) {
    const QStringList agent = AgentClientOptions::from_environment().launch;
    if (!agent.isEmpty() && open_in_terminal({agent.first(), QStringLiteral("psql"), service})) {
        return;
    }
    auto* const message = new QMessageBox(QMessageBox::Warning, tr("psql"),
                                          tr("No terminal program was found."), QMessageBox::Close, this);
    message->setAttribute(Qt::WA_DeleteOnClose);
    set_informative_text(message,
                         tr("Install one (for example gnome-terminal or xterm), or copy the psql command."));
    widen(message);
    message->open();
}

void MainWindow::closeEvent(QCloseEvent* event) {
    preferences_->set_geometry(saveGeometry());
    preferences_->set_split(services_->save_split());
    QWidget::closeEvent(event);
    put_off(is_put_off_ || has_asked_);
    if (is_put_off_) {
        wants_sign_in_ = false;
        show_state();
    }
    emit closed();
}

void MainWindow::changeEvent(QEvent* event) {
    if (event->type() == QEvent::PaletteChange && page() == PageKind::services) {
        services_->show_state();
    }
    QWidget::changeEvent(event);
}

}  // namespace postern::tray

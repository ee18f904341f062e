#include "desktop-tray/tray_program.hpp"

#include <QApplication>
#include <QLibraryInfo>
#include <QTranslator>

#include "desktop-tray/connect_link.hpp"
#include "desktop-tray/foreign_text.hpp"
#include "desktop-tray/glyphs.hpp"

namespace postern::tray {

namespace {

/// How long the tray may take to appear. A program that starts with the desktop may come before it.
constexpr std::chrono::seconds kTrayTimeout{10};

}  // namespace

void prepare_application(const QString& language) {
    QApplication::setApplicationDisplayName(QStringLiteral("Postern"));
    QApplication::setDesktopFileName(QStringLiteral("postern-tray"));
    QApplication::setWindowIcon(program_icon());
    QApplication::setQuitOnLastWindowClosed(false);
    qApp->installEventFilter(new PlainLabels(qApp));
    prepare_words(language);
}

void prepare_words(const QString& language) {
    QCoreApplication::setApplicationName(QStringLiteral("postern-tray"));
    const QLocale locale = language.isEmpty() ? QLocale() : QLocale(language);
    if (!language.isEmpty()) {
        QLocale::setDefault(locale);
    }
    auto* const qt_words = new QTranslator(qApp);
    if (qt_words->load(locale, QStringLiteral("qtbase"), QStringLiteral("_"),
                       QLibraryInfo::path(QLibraryInfo::TranslationsPath))) {
        QCoreApplication::installTranslator(qt_words);
    }
    auto* const words = new QTranslator(qApp);
    if (words->load(locale, QStringLiteral("postern"), QStringLiteral("_"), QStringLiteral(":/i18n")) ||
        words->load(QStringLiteral(":/i18n/postern_en.qm"))) {
        QCoreApplication::installTranslator(words);
    }
}

TrayProgram::TrayProgram(ProgramOptions options, QObject* parent)
    : QObject(parent),
      options_(std::move(options)),
      client_(options_.agent),
      window_((appearance_.use(preferences_.theme(), preferences_.system_was_dark()), &client_),
              &preferences_, options_.clock),
      tray_(&client_, options_.clock) {
    connect(&window_, &MainWindow::theme_chosen, this,
            [this](Theme theme) { appearance_.use(theme, appearance_.system_is_dark()); });
    connect(&appearance_, &Appearance::system_changed, this,
            [this](bool is_dark) { preferences_.set_system_was_dark(is_dark); });
    connect(&window_, &MainWindow::quit_wanted, qApp, &QApplication::quit);
    connect(&window_, &MainWindow::closed, this, [this] {
        if (!tray_.is_shown()) {
            // Nothing else is left to come back to the program by. The connections stay: they are the
            // agent's.
            qApp->quit();
        }
    });
    connect(&tray_, &TrayMenu::quit_wanted, qApp, &QApplication::quit);
    connect(&tray_, &TrayMenu::window_wanted, &window_, &MainWindow::bring_up);
    connect(&tray_, &TrayMenu::sign_in_wanted, &window_, &MainWindow::show_sign_in);
    connect(&client_, &AgentClient::event_happened, this, [this](const Event& event) {
        tell(notices_.on_event(event, client_.state(), options_.clock()));
    });
    connect(&client_, &AgentClient::state_changed, this, [this] {
        if (client_.state().is_known()) {
            tell(notices_.on_state(client_.state(), options_.clock()));
            open_link();
        }
    });
    connect(&client_, &AgentClient::connections_lost, this, [this] {
        tell(Notice{tr("Connections lost"),
                    tr("Postern's agent ended unexpectedly. It is started again, and the "
                       "ports are opened anew.")});
    });
    minute_.setInterval(std::chrono::minutes(1));
    connect(&minute_, &QTimer::timeout, this, [this] {
        tray_.show_state();
        tell(notices_.on_state(client_.state(), options_.clock()));
    });
    link_timeout_.setSingleShot(true);
    link_timeout_.setInterval(options_.link_timeout);
    connect(&link_timeout_, &QTimer::timeout, this, &TrayProgram::open_link);
    connect(&tray_host_, &TrayHost::found, this, [this] {
        if (tray_.show()) {
            tray_host_.stop();
        }
    });
}

TrayProgram::~TrayProgram() {
    window_.disconnect(this);
    client_.disconnect(this);
}

void TrayProgram::start() {
    client_.start();
    if (!options_.in_background) {
        window_.show();
    }
    // Asking for the tray waits for the session bus, and the first frame must not wait for it.
    QTimer::singleShot(0, this, [this] {
        appearance_.follow_desktop();
        tray_host_.look();
        minute_.start();
    });
    QTimer::singleShot(kTrayTimeout, this, [this] {
        if (!tray_.is_shown() && !window_.isVisible()) {
            window_.show();
        }
    });
}

void TrayProgram::tell(const std::optional<Notice>& notice) {
    if (!notice) {
        return;
    }
    emit noticed(*notice);
    if (client_.state().settings().notifications && !window_.isActiveWindow()) {
        tray_.say(*notice);
    }
}

void TrayProgram::fulfil(const QString& wish) {
    if (const auto service = service_from_link(wish)) {
        link_ = *service;
        link_timeout_.start();
        window_.bring_up();
        open_link();
    } else if (wish != QLatin1String("stay")) {
        window_.bring_up();
    }
}

/// Asks about the link when it is known whether there is such a service, or at the timeout. A link may come
/// before the agent has listed its services, or before a gateway has said which there are.
void TrayProgram::open_link() {
    const AgentState& state = client_.state();
    if (link_.isEmpty() || !state.is_known()) {
        return;
    }
    const bool may_yet_come = state.login() && !state.are_services_known() && !state.services_trouble() &&
                              state.service(link_) == nullptr;
    if (!may_yet_come || !link_timeout_.isActive()) {
        window_.ask_to_connect(std::exchange(link_, {}));
    }
}

}  // namespace postern::tray

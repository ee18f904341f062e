#include <QApplication>
#include <QCommandLineParser>
#include <QTextStream>
#include <algorithm>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string_view>

#include "desktop-tray/connect_link.hpp"
#include "desktop-tray/platform/single_instance.hpp"
#include "desktop-tray/platform/user_folders.hpp"
#include "desktop-tray/tray_program.hpp"

namespace {

constexpr const char* kBackground = "background";

std::unique_ptr<QCommandLineParser> make_parser() {
    auto parser = std::make_unique<QCommandLineParser>();
    parser->setApplicationDescription(
        QCoreApplication::translate("main", "Connects you to databases through Postern."));
    parser->addHelpOption();
    parser->addVersionOption();
    parser->addOption(QCommandLineOption(
        QLatin1String(kBackground),
        QCoreApplication::translate(
            "main", "Start with the icon in the tray alone; without a tray, with the window.")));
    parser->addPositionalArgument(
        QStringLiteral("link"),
        QCoreApplication::translate("main", "postern://connect/SERVICE: asks whether to connect."),
        QStringLiteral("[link]"));
    return parser;
}

bool has_argument(int argc, char** argv, std::initializer_list<std::string_view> wanted) {
    return std::any_of(argv + std::min(argc, 1), argv + argc, [&](const char* argument) {
        return std::find(wanted.begin(), wanted.end(), std::string_view(argument)) != wanted.end();
    });
}

/// Returns whether only text is asked for. What needs no window needs no display either.
bool wants_words_alone(int argc, char** argv) {
    return has_argument(argc, argv, {"-h", "--help", "--help-all", "-v", "--version"});
}

/// Returns whether there is no display. Qt would abort then and leave a core.
bool has_no_display(int argc, char** argv) {
    return !qEnvironmentVariableIsSet("DISPLAY") && !qEnvironmentVariableIsSet("WAYLAND_DISPLAY") &&
           !qEnvironmentVariableIsSet("WAYLAND_SOCKET") && !qEnvironmentVariableIsSet("QT_QPA_PLATFORM") &&
           !has_argument(argc, argv, {"-platform", "--platform", "-display", "--display"});
}

}  // namespace

int main(int argc, char** argv) {
    using namespace postern::tray;
    // Nothing here draws with OpenGL; loading it would cost more memory than the whole program.
    if (!qEnvironmentVariableIsSet("QT_XCB_GL_INTEGRATION")) {
        qputenv("QT_XCB_GL_INTEGRATION", "none");
    }
    QCoreApplication::setApplicationVersion(QStringLiteral(POSTERN_VERSION));
    if (wants_words_alone(argc, argv)) {
        const QCoreApplication application(argc, argv);
        prepare_words();
        make_parser()->process(application);  // It ends the program.
    }
    if (has_no_display(argc, argv)) {
        QTextStream(stderr) << "postern-tray: error: there is no display to show a window on\n"
                            << "hint: In a terminal use postern: postern connect --help\n";
        return 1;
    }
    QApplication application(argc, argv);
    prepare_application();

    const auto parser = make_parser();
    parser->process(application);
    const QStringList links = parser->positionalArguments();
    if (links.size() > 1 || (links.size() == 1 && !service_from_link(links.first()))) {
        QTextStream(stderr) << "postern-tray: error: not a link of Postern\n"
                            << "hint: A link looks like postern://connect/orders-db\n";
        return 2;
    }
    const bool is_quiet = parser->isSet(QLatin1String(kBackground)) && links.isEmpty();
    const QString wish = links.value(0, is_quiet ? QStringLiteral("stay") : QStringLiteral("show"));

    // Without such a folder there is no agent to reach either; the window says so.
    std::optional<SingleInstance> instance;
    if (const QString folder = runtime_folder(); !folder.isEmpty()) {
        instance.emplace(folder);
        if (!instance->claim(wish)) {
            return 0;
        }
    }
    ProgramOptions options;
    options.in_background = is_quiet;
    TrayProgram program(std::move(options));
    if (instance) {
        QObject::connect(&*instance, &SingleInstance::wished, &program, &TrayProgram::fulfil);
    }
    program.start();
    if (!links.isEmpty()) {
        program.fulfil(wish);
    }
    return QApplication::exec();
}

#include <QApplication>
#include <QCommandLineParser>
#include <QTextStream>
#include <optional>

#include "desktop-tray/connect_link.hpp"
#include "desktop-tray/single_instance.hpp"
#include "desktop-tray/tray_program.hpp"

int main(int argc, char** argv) {
    using namespace postern::tray;
    // Nothing here draws with OpenGL; loading it would cost more memory than the whole program.
    if (!qEnvironmentVariableIsSet("QT_XCB_GL_INTEGRATION")) {
        qputenv("QT_XCB_GL_INTEGRATION", "none");
    }
    QApplication application(argc, argv);
    QApplication::setApplicationVersion(QStringLiteral(POSTERN_VERSION));
    prepare_application();

    QCommandLineParser parser;
    parser.setApplicationDescription(
        QCoreApplication::translate("main", "Connects you to databases through Postern."));
    parser.addHelpOption();
    parser.addVersionOption();
    const QCommandLineOption background(
        QStringLiteral("background"),
        QCoreApplication::translate(
            "main", "Start with the icon in the tray alone; without a tray, with the window."));
    parser.addOption(background);
    parser.addPositionalArgument(
        QStringLiteral("link"),
        QCoreApplication::translate("main", "postern://connect/SERVICE: asks whether to connect."),
        QStringLiteral("[link]"));
    parser.process(application);
    const QStringList links = parser.positionalArguments();
    if (links.size() > 1 || (links.size() == 1 && !service_from_link(links.first()))) {
        QTextStream(stderr) << "postern-tray: error: not a link of Postern\n"
                            << "hint: A link looks like postern://connect/orders-db\n";
        return 2;
    }
    const bool is_quiet = parser.isSet(background) && links.isEmpty();
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

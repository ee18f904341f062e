#include "desktop-tray/platform/terminal_window.hpp"

#include <QProcess>
#include <QStandardPaths>

namespace postern::tray {

namespace {

struct Terminal {
    const char* program;
    const char* before_command;
};

/// The terminals in the order in which they are looked for. What stands between the terminal's name and the
/// command differs.
constexpr Terminal kTerminals[] = {
    {"x-terminal-emulator", "-e"}, {"kgx", "--"},   {"gnome-terminal", "--"}, {"konsole", "-e"},
    {"xfce4-terminal", "-x"},      {"kitty", "--"}, {"alacritty", "-e"},      {"foot", "--"},
    {"mate-terminal", "-x"},       {"xterm", "-e"},
};

QString find_program(const QString& program) {
    return QStandardPaths::findExecutable(program);
}

}  // namespace

QStringList terminal_command(const QStringList& command, const QString& wanted_terminal,
                             QString (*find)(const QString& program)) {
    // The shell gets the command as arguments, never as text to interpret.
    const QStringList kept_open =
        QStringList{QStringLiteral("sh"), QStringLiteral("-c"),
                    QStringLiteral("\"$@\" || { printf '\\n[Enter] '; read -r _; }"), QStringLiteral("sh")} +
        command;
    if (!wanted_terminal.isEmpty()) {
        if (const QString path = find(wanted_terminal); !path.isEmpty()) {
            const char* before = "-e";
            for (const Terminal& terminal : kTerminals) {
                if (path.endsWith(QLatin1Char('/') + QLatin1String(terminal.program))) {
                    before = terminal.before_command;
                }
            }
            return QStringList{path, QLatin1String(before)} + kept_open;
        }
    }
    for (const Terminal& terminal : kTerminals) {
        if (const QString path = find(QLatin1String(terminal.program)); !path.isEmpty()) {
            return QStringList{path, QLatin1String(terminal.before_command)} + kept_open;
        }
    }
    return {};
}

bool open_in_terminal(const QStringList& command) {
    const QStringList all = terminal_command(command, qEnvironmentVariable("TERMINAL"), find_program);
    return !all.isEmpty() && QProcess::startDetached(all.first(), all.mid(1));
}

}  // namespace postern::tray

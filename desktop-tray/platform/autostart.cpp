#include "desktop-tray/platform/autostart.hpp"

#include <QCoreApplication>
#include <QDir>
#include <QFile>
#include <QFileInfo>
#include <QSaveFile>

#include "desktop-tray/platform/user_folders.hpp"

namespace postern::tray {

namespace {

QString autostart_file() {
    return config_folder() + QStringLiteral("/autostart/postern-tray.desktop");
}

// The desktop entry specification: an argument in quotes, with ", `, $ and \ escaped, and % doubled; the
// whole value goes through the escapes of a string once more.
QString exec_argument(const QString& path) {
    QString text;
    for (const QChar character : path) {
        if (character == QLatin1Char('%')) {
            text += QLatin1Char('%');
        } else if (character == QLatin1Char('\\')) {
            text += QLatin1String("\\\\\\");
        } else if (QStringLiteral("\"`$").contains(character)) {
            text += QLatin1String("\\\\");
        }
        text += character;
    }
    return QLatin1Char('"') + text + QLatin1Char('"');
}

}  // namespace

bool starts_at_login() {
    return QFile::exists(autostart_file());
}

bool set_starts_at_login(bool is_on) {
    const QString path = autostart_file();
    if (!is_on) {
        return !QFile::exists(path) || QFile::remove(path);
    }
    QDir().mkpath(QFileInfo(path).path());
    QSaveFile file(path);
    if (!file.open(QIODevice::WriteOnly)) {
        return false;
    }
    file.write(QStringLiteral("[Desktop Entry]\nType=Application\nName=Postern\nExec=%1 --background\n"
                              "Icon=postern-tray\nX-GNOME-Autostart-enabled=true\n")
                   .arg(exec_argument(QCoreApplication::applicationFilePath()))
                   .toUtf8());
    return file.commit();
}

}  // namespace postern::tray

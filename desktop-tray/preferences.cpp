#include "desktop-tray/preferences.hpp"

#include <QCoreApplication>
#include <QDir>
#include <QFile>
#include <QSaveFile>
#include <QStandardPaths>

namespace postern::tray {

namespace {

QString config_folder() {
    return QStandardPaths::writableLocation(QStandardPaths::GenericConfigLocation);
}

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

Preferences::Preferences()
    : settings_(config_folder() + QStringLiteral("/postern/tray.ini"), QSettings::IniFormat) {}

Theme Preferences::theme() const {
    const QString name = settings_.value(QStringLiteral("theme")).toString();
    return name == QLatin1String("light")  ? Theme::light
           : name == QLatin1String("dark") ? Theme::dark
                                           : Theme::follow_system;
}

void Preferences::set_theme(Theme theme) {
    settings_.setValue(QStringLiteral("theme"), theme == Theme::light  ? QStringLiteral("light")
                                                : theme == Theme::dark ? QStringLiteral("dark")
                                                                       : QStringLiteral("system"));
}

bool Preferences::system_was_dark() const {
    return settings_.value(QStringLiteral("system_is_dark")).toBool();
}
void Preferences::set_system_was_dark(bool is_dark) {
    settings_.setValue(QStringLiteral("system_is_dark"), is_dark);
}
QByteArray Preferences::geometry() const {
    return settings_.value(QStringLiteral("geometry")).toByteArray();
}
void Preferences::set_geometry(const QByteArray& geometry) {
    settings_.setValue(QStringLiteral("geometry"), geometry);
}
QByteArray Preferences::split() const {
    return settings_.value(QStringLiteral("split")).toByteArray();
}
void Preferences::set_split(const QByteArray& split) {
    settings_.setValue(QStringLiteral("split"), split);
}
QString Preferences::last_user() const {
    return settings_.value(QStringLiteral("user")).toString();
}
void Preferences::set_last_user(const QString& user) {
    settings_.setValue(QStringLiteral("user"), user);
}

bool Preferences::starts_at_login() {
    return QFile::exists(autostart_file());
}

bool Preferences::set_starts_at_login(bool is_on) {
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

#include "desktop-tray/preferences.hpp"

#include "desktop-tray/platform/user_folders.hpp"

namespace postern::tray {

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

}  // namespace postern::tray

#include "desktop-tray/platform/user_folders.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <QDir>
#include <QFile>
#include <QFileInfo>
#include <QStandardPaths>
#include <cerrno>

namespace postern::tray {

namespace {

// As `postern` judges it (client-proxy/control/runtime_folder): both must look in the same place.
bool is_usable(const QString& place) {
    struct stat info {};
    const QByteArray folder = QFile::encodeName(place + QStringLiteral("/postern"));
    return QDir().mkpath(place) && ::stat(QFile::encodeName(place).constData(), &info) == 0 &&
           (info.st_uid == ::geteuid() || info.st_uid == 0) &&
           (::mkdir(folder.constData(), 0700) == 0 || errno == EEXIST) &&
           ::lstat(folder.constData(), &info) == 0 && S_ISDIR(info.st_mode) && info.st_uid == ::geteuid() &&
           (info.st_mode & 0077) == 0 && ::access(folder.constData(), W_OK | X_OK) == 0;
}

}  // namespace

QString runtime_folder() {
    if (const QString runtime = qEnvironmentVariable("XDG_RUNTIME_DIR");
        QDir::isAbsolutePath(runtime) && is_usable(runtime)) {
        return runtime + QStringLiteral("/postern");
    }
    if (const QString runtime = QStringLiteral("/run/user/%1").arg(::geteuid());
        QFileInfo(runtime).isDir() && is_usable(runtime)) {
        return runtime + QStringLiteral("/postern");
    }
    if (const QString state = qEnvironmentVariable("XDG_STATE_HOME"); QDir::isAbsolutePath(state)) {
        return state + QStringLiteral("/postern/run");
    }
    const QString home = qEnvironmentVariable("HOME");
    return QDir::isAbsolutePath(home) ? home + QStringLiteral("/.local/state/postern/run") : QString();
}

QString config_folder() {
    return QStandardPaths::writableLocation(QStandardPaths::GenericConfigLocation);
}

}  // namespace postern::tray

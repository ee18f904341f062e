#include "desktop-tray/platform/single_instance.hpp"

#include <QDir>
#include <QLocalSocket>
#include <QTimer>

namespace postern::tray {

namespace {

constexpr qsizetype kLongestWish = 512;
constexpr int kTimeoutMs = 3000;
constexpr int kMostWaiting = 8;

}  // namespace

SingleInstance::SingleInstance(const QString& folder, QObject* parent)
    : QObject(parent), socket_(folder + QStringLiteral("/tray.sock")) {
    QDir().mkpath(folder);
    QFile::setPermissions(folder, QFile::ReadOwner | QFile::WriteOwner | QFile::ExeOwner);
    lock_ = std::make_unique<QLockFile>(folder + QStringLiteral("/tray.lock"));
    lock_->setStaleLockTime(0);
    server_.setSocketOptions(QLocalServer::UserAccessOption);
    server_.setMaxPendingConnections(kMostWaiting);
    connect(&server_, &QLocalServer::newConnection, this, &SingleInstance::on_connection);
}

bool SingleInstance::claim(const QString& wish) {
    if (!lock_->tryLock(0)) {
        return !hand_over(wish) && lock_->tryLock(kTimeoutMs);
    }
    QLocalServer::removeServer(socket_);
    server_.listen(socket_);
    return true;
}

bool SingleInstance::hand_over(const QString& wish) const {
    QLocalSocket first;
    first.connectToServer(socket_);
    if (!first.waitForConnected(kTimeoutMs)) {
        return false;
    }
    first.write(wish.toUtf8().left(kLongestWish - 1) + '\n');
    return first.waitForBytesWritten(kTimeoutMs);
}

void SingleInstance::on_connection() {
    while (QLocalSocket* const other = server_.nextPendingConnection()) {
        QTimer::singleShot(kTimeoutMs, other, &QLocalSocket::abort);
        connect(other, &QLocalSocket::disconnected, other, &QLocalSocket::deleteLater);
        const auto read = [this, other] {
            if (other->canReadLine() || other->bytesAvailable() >= kLongestWish) {
                const QByteArray line = other->readLine(kLongestWish);
                other->abort();
                if (line.endsWith('\n')) {
                    emit wished(QString::fromUtf8(line.chopped(1)));
                }
            }
        };
        connect(other, &QLocalSocket::readyRead, this, read);
        read();
    }
}

}  // namespace postern::tray

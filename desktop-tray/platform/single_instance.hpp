// One tray for each person: a second start hands its wish (to show the window, or a link) to the first one
// and ends.
//
// The wish is one line of at most 512 bytes on a socket that only this user can reach.
#pragma once

#include <QLocalServer>
#include <QLockFile>
#include <QObject>
#include <memory>

namespace postern::tray {

class SingleInstance : public QObject {
    Q_OBJECT

public:
    /// `folder` is $XDG_RUNTIME_DIR/postern; it is made with mode 0700.
    explicit SingleInstance(const QString& folder, QObject* parent = nullptr);

    /// Returns true if this is the first instance. Otherwise the wish ("show" or a link) was handed over, and
    /// this process should end.
    bool claim(const QString& wish);

signals:
    void wished(const QString& wish);

private:
    void on_connection();
    bool hand_over(const QString& wish) const;

    QString socket_;
    std::unique_ptr<QLockFile> lock_;
    QLocalServer server_;
};

}  // namespace postern::tray

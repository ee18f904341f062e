// An agent that says what a test tells it to: the other end of the control socket, without logins and
// tunnels. It lives in the test's own event loop.
#pragma once

#include <QHash>
#include <QJsonArray>
#include <QJsonObject>
#include <QList>
#include <QLocalServer>
#include <QLocalSocket>
#include <functional>

namespace postern::test {

class ScriptedAgent {
public:
    struct Asked {
        QString method;
        QJsonObject params;
    };
    using Script = std::function<QJsonObject(const QJsonObject& params)>;

    explicit ScriptedAgent(QString socket);
    ~ScriptedAgent();

    /// What `state` and `subscribe` answer.
    QJsonObject state;
    int protocol = 1;

    void start();
    /// Ends the connections without a word, as if the agent was killed.
    void stop();
    void answer(const QString& method, const QJsonObject& result);
    void answer_by(const QString& method, Script script);
    void refuse(const QString& method, const QString& reason, const QString& message,
                const QString& hint = {});
    /// Makes the agent never answer this method.
    void keep_silent_about(const QString& method);
    void notify(const QString& method, const QJsonValue& params);
    void send_raw(const QByteArray& bytes);

    int clients() const { return static_cast<int>(clients_.size()); }
    int count(const QString& method) const;
    /// Returns the params of the newest request of that method; empty if there was none.
    QJsonObject last(const QString& method) const;

private:
    struct Reply {
        QJsonObject result;
        QJsonObject error;
        Script script;
        bool is_silent = false;
    };

    void on_line(QLocalSocket* client, const QByteArray& line);
    void write(QLocalSocket* client, const QJsonObject& message);

    QString socket_;
    QLocalServer server_;
    QList<QLocalSocket*> clients_;
    QHash<QString, Reply> replies_;
    QList<Asked> asked_;
};

/// The data of a made-up company, for tests and screenshots. `kScriptedNow` is the clock that goes with it.
inline constexpr const char* kScriptedNow = "2026-11-23T12:00:00Z";
QJsonObject scripted_login();
QJsonObject scripted_trust();
QJsonObject scripted_service(const QString& name, const QString& state = QStringLiteral("disconnected"),
                             int port = 0);
QJsonObject scripted_state();
QJsonArray scripted_events();
QJsonObject scripted_methods();

}  // namespace postern::test

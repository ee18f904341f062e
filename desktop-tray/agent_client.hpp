// The control socket's other end: one connection to the agent, requests and their answers, notifications into
// the state, coming back when the agent went away, starting it where it does not run.
//
// Refuses an agent of another user, lines of more than 1 MiB, and more than 16 questions at a time. Every
// question has a deadline; when the connection is lost each one is answered with that.
#pragma once

#include <QDeadlineTimer>
#include <QElapsedTimer>
#include <QHash>
#include <QLocalSocket>
#include <QObject>
#include <QPointer>
#include <QTimer>
#include <chrono>
#include <functional>

#include "desktop-tray/agent_state.hpp"

namespace postern::tray {

struct AgentClientOptions {
    /// Empty when there is no folder for it.
    QString socket;
    /// What starts the agent; empty for never.
    QStringList launch;
    /// From one start to the next, whatever became of the agent.
    std::chrono::milliseconds launch_pause{20000};
    std::chrono::milliseconds retry_every{250};
    /// From the first failed try to saying so.
    std::chrono::milliseconds timeout{8000};

    /// From the environment; the agent's program is looked for beside this one, then on PATH.
    static AgentClientOptions from_environment();
};

struct Answer {
    QJsonObject result;
    std::optional<Trouble> error;
    bool is_ok() const { return !error; }
};

class AgentClient : public QObject {
    Q_OBJECT

public:
    enum class Status { connecting, ready, failed };
    using OnAnswer = std::function<void(const Answer&)>;

    explicit AgentClient(AgentClientOptions options, QObject* parent = nullptr);
    ~AgentClient() override;

    /// Connects, and starts the agent if nobody answers.
    void start();
    /// The same once more, after `failed`.
    void try_again();

    Status status() const { return status_; }
    /// Why the status is `failed`.
    const Trouble& failure() const { return failure_; }
    const AgentState& state() const { return state_; }

    /// `on_answer` is called once, later, unless `context` is gone by then.
    void ask(const QString& method, const QJsonObject& params, QObject* context, OnAnswer on_answer,
             std::chrono::milliseconds deadline = std::chrono::seconds(30));

    /// `connect`, `disconnect`, `port.set`; a refusal comes as `refused`. No `mode`: the agent's choice.
    void connect_service(const QString& name, const QString& mode = {});
    void disconnect_service(const QString& name);
    void set_port(const QString& name, int port);
    /// `settings.set` with one member.
    void change_setting(const QString& name, const QJsonValue& value);
    /// `logout`: ends every tunnel.
    void sign_out();
    void refresh_services();
    /// Whether local connections may wait for somebody to sign in here.
    void ask_login(bool may_wait);

signals:
    void status_changed();
    void state_changed();
    /// The numbers moved, nothing else did.
    void traffic_changed();
    void event_happened(const postern::tray::Event& event);
    /// The agent went without a word while ports were open. The next one opens them again.
    void connections_lost();
    /// What somebody asked for with one click did not work.
    void refused(const QString& service, const postern::tray::Trouble& trouble);

private:
    struct Waiting {
        QPointer<QObject> context;
        OnAnswer on_answer;
        QDeadlineTimer deadline;
    };

    void connect_socket();
    void on_connected();
    void on_lost();
    void on_bytes();
    void on_line(const QByteArray& line);
    void introduce();
    void say_hello();
    void launch_agent();
    void set_status(Status status, Trouble failure = {});
    void give_up(Trouble why);
    void end_overdue();
    void answer_all(const Trouble& why);
    void change_service(const QString& method, const QString& name, QJsonObject more);
    bool is_own_agent() const;

    AgentClientOptions options_;
    QLocalSocket socket_;
    QByteArray unread_;
    QHash<qint64, Waiting> waiting_;
    qint64 next_id_ = 1;
    AgentState state_;
    Status status_ = Status::connecting;
    Trouble failure_;
    bool asks_login_ = true;
    QTimer retry_;
    QTimer overdue_;
    QElapsedTimer trying_;
    QElapsedTimer launched_;
    /// How often an agent that does not answer is still started.
    int launches_left_ = 0;
    /// The agent said that it ends: somebody wanted that.
    bool has_said_goodbye_ = false;
};

}  // namespace postern::tray

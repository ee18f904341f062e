// The client's end of the agent's control socket: one connection to the agent, requests with their answers,
// and notifications, which change the state. It reconnects when the agent goes away, and starts the agent
// where none runs.
//
// It refuses an agent of another user, lines of more than 1 MiB, and more than 16 requests at a time. Every
// request has a deadline. When the connection is lost, each open request is answered with that error.
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
    /// Empty when there is no folder for the socket.
    QString socket;
    /// The command that starts the agent; empty for never.
    QStringList launch;
    /// The least time from one start to the next, whatever became of the agent.
    std::chrono::milliseconds launch_pause{20000};
    std::chrono::milliseconds retry_every{250};
    /// How long the client tries before it reports that it failed.
    std::chrono::milliseconds timeout{8000};

    /// Returns the options for this environment. The agent's program is looked for beside this one, then on
    /// PATH.
    static AgentClientOptions from_environment();
};

/// The result of a request, or its error.
struct Answer {
    QJsonObject result;
    std::optional<Trouble> error;
    bool is_ok() const { return !error; }
};

/// Talks to the agent. It lives on Qt's one thread, and nothing in it waits.
class AgentClient : public QObject {
    Q_OBJECT

public:
    enum class Status { connecting, ready, failed };
    using OnAnswer = std::function<void(const Answer&)>;

    explicit AgentClient(AgentClientOptions options, QObject* parent = nullptr);
    ~AgentClient() override;

    /// Connects, and starts the agent if nobody answers.
    void start();
    /// Starts over, after `failed`.
    void try_again();

    Status status() const { return status_; }
    /// Why the status is `failed`.
    const Trouble& failure() const { return failure_; }
    const AgentState& state() const { return state_; }

    /// Sends a request. `on_answer` is called once, after this function has returned, unless `context` has
    /// been destroyed by then.
    void ask(const QString& method, const QJsonObject& params, QObject* context, OnAnswer on_answer,
             std::chrono::milliseconds deadline = std::chrono::seconds(30));

    /// These send `connect`, `disconnect` and `port.set`. The signal `refused` reports a refusal. Without a
    /// `mode` the agent chooses it.
    void connect_service(const QString& name, const QString& mode = {});
    void disconnect_service(const QString& name);
    void set_port(const QString& name, int port);
    /// Sends `settings.set` with one member. The signal `refused` reports a refusal.
    void change_setting(const QString& name, const QJsonValue& value);
    /// Sends `logout`, which ends every tunnel.
    void sign_out();
    void refresh_services();
    /// Tells the agent whether local connections may wait for somebody to sign in here.
    void ask_login(bool may_wait);

signals:
    void status_changed();
    void state_changed();
    /// Only the numbers of the traffic have changed.
    void traffic_changed();
    void event_happened(const postern::tray::Event& event);
    /// The agent went away without notice while ports were open. The next one opens them again.
    void connections_lost();
    /// A request that somebody made with one click was refused. `service` is empty where the request was
    /// about none.
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
    /// How many more times an agent that does not answer is started.
    int launches_left_ = 0;
    /// The agent announced that it ends, because somebody wanted that.
    bool has_said_goodbye_ = false;
};

}  // namespace postern::tray

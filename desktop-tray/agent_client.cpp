#include "desktop-tray/agent_client.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <QCoreApplication>
#include <QDeadlineTimer>
#include <QFileInfo>
#include <QJsonArray>
#include <QJsonDocument>
#include <QProcess>
#include <QStandardPaths>

#include "desktop-tray/platform/user_folders.hpp"

namespace postern::tray {

namespace {

constexpr qsizetype kLongestLine = 1 << 20;
/// The agent works on 16 requests of one client at a time.
constexpr qsizetype kMostWaiting = 16;
constexpr int kProtocol = 1;
constexpr int kMostLaunches = 5;

QString find_postern() {
    const QFileInfo beside(QCoreApplication::applicationDirPath() + QStringLiteral("/postern"));
    return beside.isExecutable() ? beside.absoluteFilePath()
                                 : QStandardPaths::findExecutable(QStringLiteral("postern"));
}

}  // namespace

AgentClientOptions AgentClientOptions::from_environment() {
    AgentClientOptions options;
    if (const QString folder = runtime_folder(); !folder.isEmpty()) {
        options.socket = folder + QStringLiteral("/agent.sock");
    }
    if (const QString postern = find_postern(); !postern.isEmpty()) {
        options.launch = {postern, QStringLiteral("agent"), QStringLiteral("--on-demand")};
    }
    return options;
}

AgentClient::AgentClient(AgentClientOptions options, QObject* parent)
    : QObject(parent), options_(std::move(options)) {
    retry_.setSingleShot(true);
    retry_.setInterval(options_.retry_every);
    connect(&retry_, &QTimer::timeout, this, &AgentClient::connect_socket);
    overdue_.setInterval(std::chrono::seconds(1));
    connect(&overdue_, &QTimer::timeout, this, &AgentClient::end_overdue);
    connect(&socket_, &QLocalSocket::connected, this, &AgentClient::on_connected);
    connect(&socket_, &QLocalSocket::readyRead, this, &AgentClient::on_bytes);
    connect(&socket_, &QLocalSocket::disconnected, this, &AgentClient::on_lost);
    connect(&socket_, &QLocalSocket::errorOccurred, this, [this] {
        if (socket_.state() != QLocalSocket::ConnectedState) {
            on_lost();
        }
    });
}

AgentClient::~AgentClient() {
    // No callback may be called any more.
    waiting_.clear();
    socket_.disconnect(this);
}

void AgentClient::start() {
    if (options_.socket.isEmpty()) {
        give_up(own_trouble(
            QStringLiteral("no_runtime_dir"),
            tr("Neither XDG_RUNTIME_DIR nor HOME is set: there is no place for the agent's socket."),
            tr("Log in to the desktop through the login screen, or set XDG_RUNTIME_DIR.")));
        return;
    }
    launches_left_ = kMostLaunches;
    trying_.start();
    connect_socket();
}

void AgentClient::try_again() {
    set_status(Status::connecting);
    launched_.invalidate();
    retry_.stop();
    start();
}

void AgentClient::connect_socket() {
    if (socket_.state() == QLocalSocket::UnconnectedState) {
        unread_.clear();
        socket_.connectToServer(options_.socket);
    }
}

bool AgentClient::is_own_agent() const {
    struct ucred peer {};
    socklen_t size = sizeof peer;
    return ::getsockopt(static_cast<int>(socket_.socketDescriptor()), SOL_SOCKET, SO_PEERCRED, &peer,
                        &size) == 0 &&
           peer.uid == ::geteuid();
}

void AgentClient::on_connected() {
    if (!is_own_agent()) {
        socket_.abort();
        give_up(own_trouble(QStringLiteral("wrong_user"),
                            tr("Another user's program answers on the agent's socket."),
                            tr("Remove %1, then try again.").arg(options_.socket)));
        return;
    }
    introduce();
}

void AgentClient::say_hello() {
    ask(QStringLiteral("hello"),
        {{QStringLiteral("client"), QStringLiteral("postern-tray")},
         {QStringLiteral("version"), QCoreApplication::applicationVersion()},
         {QStringLiteral("asks_login"), asks_login_}},
        this, [this](const Answer& answer) {
            if (answer.is_ok() && answer.result[QLatin1String("protocol")].toInt() != kProtocol) {
                give_up(own_trouble(
                    QStringLiteral("other_protocol"), tr("The agent is of another version than this window."),
                    tr("Install postern and postern-tray of the same version, then restart both.")));
            }
        });
}

void AgentClient::ask_login(bool may_wait) {
    if (may_wait != std::exchange(asks_login_, may_wait) && state_.is_known()) {
        say_hello();
    }
}

/// Sends all requests at once, so that it takes one round trip until the window is full.
void AgentClient::introduce() {
    say_hello();
    ask(QStringLiteral("subscribe"), {}, this, [this](const Answer& answer) {
        if (answer.is_ok()) {
            state_.replace(answer.result);
            has_said_goodbye_ = false;
            set_status(Status::ready);
            emit state_changed();
        } else if (socket_.state() == QLocalSocket::ConnectedState) {
            give_up(*answer.error);
        }
    });
    ask(QStringLiteral("events"), {{QStringLiteral("limit"), 100}}, this, [this](const Answer& answer) {
        if (answer.is_ok() && state_.is_known()) {
            QList<Event> events;
            for (const QJsonValue& event : answer.result[QLatin1String("events")].toArray()) {
                events.append(event_from(event.toObject()));
            }
            state_.put_events(std::move(events));
            emit state_changed();
        }
    });
}

void AgentClient::on_lost() {
    const bool was_known = state_.is_known();
    // Somebody who ends the agent on purpose ends its ports too. An agent that was killed cuts what people
    // count on.
    if (was_known && !has_said_goodbye_ && state_.open_count() > 0) {
        emit connections_lost();
    }
    state_.forget();
    answer_all(own_trouble(QStringLiteral("agent_gone"), tr("The agent does not answer."),
                           tr("Try again in a moment.")));
    if (was_known) {
        // The agent may be restarting, so it gets the whole timeout anew.
        trying_.start();
        launches_left_ = kMostLaunches;
        set_status(Status::connecting);
        emit state_changed();
    } else {
        launch_agent();
    }
    const bool can_start = !options_.launch.isEmpty();
    const bool is_hopeless = !can_start && !was_known;
    if (status_ == Status::connecting && (is_hopeless || trying_.hasExpired(options_.timeout.count()))) {
        set_status(
            Status::failed,
            {QStringLiteral("agent_unreachable"),
             can_start ? tr("Postern's agent could not be started.") : tr("Postern's agent does not run."),
             can_start
                 ? tr("Type “postern agent” in a terminal to read why.")
                 : tr("The program “postern” is not installed beside this one, nor on PATH. Install it, "
                      "then try again."),
             {}});
    }
    // The client goes on trying quietly, because somebody may start the agent by hand.
    retry_.start(status_ == Status::failed ? options_.retry_every * 8 : options_.retry_every);
}

void AgentClient::launch_agent() {
    if (options_.launch.isEmpty() || launches_left_ == 0 ||
        (launched_.isValid() && !launched_.hasExpired(options_.launch_pause.count()))) {
        return;
    }
    --launches_left_;
    launched_.start();
    QProcess agent;
    agent.setProgram(options_.launch.first());
    agent.setArguments(options_.launch.mid(1));
    agent.setStandardInputFile(QProcess::nullDevice());
    agent.setStandardOutputFile(QProcess::nullDevice());
    agent.setStandardErrorFile(QProcess::nullDevice());
    agent.startDetached();
}

void AgentClient::on_bytes() {
    unread_ += socket_.readAll();
    qsizetype start = 0;
    for (qsizetype end = unread_.indexOf('\n'); end >= 0; end = unread_.indexOf('\n', start)) {
        const QByteArray line = unread_.mid(start, end - start);
        start = end + 1;
        on_line(line);
        if (socket_.state() != QLocalSocket::ConnectedState) {
            return;
        }
    }
    unread_.remove(0, start);
    if (unread_.size() > kLongestLine) {
        socket_.abort();
    }
}

void AgentClient::on_line(const QByteArray& line) {
    const QJsonObject message = QJsonDocument::fromJson(line).object();
    if (const QString method = message[QLatin1String("method")].toString(); !method.isEmpty()) {
        const QJsonObject params = message[QLatin1String("params")].toObject();
        has_said_goodbye_ = has_said_goodbye_ || method == QLatin1String("shutdown");
        if (!state_.is_known() || !state_.apply(method, params)) {
            return;
        }
        if (method == QLatin1String("traffic")) {
            emit traffic_changed();
            return;
        }
        emit state_changed();
        if (method == QLatin1String("event")) {
            emit event_happened(event_from(params));
        }
        return;
    }
    const auto waiting = waiting_.find(message[QLatin1String("id")].toInteger(-1));
    if (waiting == waiting_.end()) {
        return;
    }
    const Waiting done = std::move(*waiting);
    waiting_.erase(waiting);
    Answer answer;
    if (const QJsonValue error = message[QLatin1String("error")]; error.isObject()) {
        answer.error = trouble_from_error(error.toObject());
    } else {
        answer.result = message[QLatin1String("result")].toObject();
    }
    if (done.context) {
        done.on_answer(answer);
    }
}

void AgentClient::ask(const QString& method, const QJsonObject& params, QObject* context, OnAnswer on_answer,
                      std::chrono::milliseconds deadline) {
    const QPointer<QObject> asker(context);
    if (socket_.state() != QLocalSocket::ConnectedState || waiting_.size() >= kMostWaiting) {
        QTimer::singleShot(0, this, [asker, on_answer = std::move(on_answer)] {
            if (asker) {
                on_answer({{},
                           own_trouble(QStringLiteral("agent_gone"), tr("The agent does not answer."),
                                       tr("Try again in a moment."))});
            }
        });
        return;
    }
    const qint64 id = next_id_++;
    waiting_.insert(id, {asker, std::move(on_answer), QDeadlineTimer(deadline)});
    overdue_.start();
    const QJsonObject message{{QStringLiteral("jsonrpc"), QStringLiteral("2.0")},
                              {QStringLiteral("id"), id},
                              {QStringLiteral("method"), method},
                              {QStringLiteral("params"), params}};
    socket_.write(QJsonDocument(message).toJson(QJsonDocument::Compact) + '\n');
    socket_.flush();
}

void AgentClient::change_service(const QString& method, const QString& name, QJsonObject more) {
    more.insert(QLatin1String("service"), name);
    ask(method, more, this, [this, name](const Answer& answer) {
        if (!answer.is_ok()) {
            emit refused(name, *answer.error);
        } else if (state_.is_known()) {
            state_.put(service_from(answer.result));
            emit state_changed();
        }
    });
}

void AgentClient::connect_service(const QString& name, const QString& mode) {
    change_service(QStringLiteral("connect"), name,
                   mode.isEmpty() ? QJsonObject() : QJsonObject{{QStringLiteral("mode"), mode}});
}

void AgentClient::disconnect_service(const QString& name) {
    change_service(QStringLiteral("disconnect"), name, {});
}

void AgentClient::set_port(const QString& name, int port) {
    change_service(QStringLiteral("port.set"), name, {{QStringLiteral("port"), port}});
}

void AgentClient::change_setting(const QString& name, const QJsonValue& value) {
    ask(QStringLiteral("settings.set"), {{name, value}}, this, [this](const Answer& answer) {
        if (!answer.is_ok()) {
            emit refused({}, *answer.error);
        } else if (state_.is_known()) {
            state_.apply(QStringLiteral("settings"), answer.result);
        }
        emit state_changed();
    });
}

void AgentClient::sign_out() {
    ask(QStringLiteral("logout"), {}, this, [this](const Answer& answer) {
        if (!answer.is_ok()) {
            emit refused({}, about_ca(*answer.error));
        }
    });
}

void AgentClient::refresh_services() {
    ask(QStringLiteral("services.refresh"), {}, this, [this](const Answer& answer) {
        if (!answer.is_ok()) {
            emit refused({}, *answer.error);
        } else if (state_.is_known()) {
            state_.apply(QStringLiteral("services"), answer.result);
            emit state_changed();
        }
    });
}

void AgentClient::set_status(Status status, Trouble failure) {
    failure_ = std::move(failure);
    status_ = status;
    emit status_changed();
}

void AgentClient::give_up(Trouble why) {
    set_status(Status::failed, std::move(why));
    const QSignalBlocker quiet(&socket_);
    socket_.abort();
    retry_.stop();
    state_.forget();
    answer_all(failure_);
    emit state_changed();
}

void AgentClient::end_overdue() {
    for (const qint64 id : waiting_.keys()) {
        const auto waiting = waiting_.find(id);
        if (waiting == waiting_.end() || !waiting->deadline.hasExpired()) {
            continue;
        }
        const Waiting overdue = std::move(*waiting);
        waiting_.erase(waiting);
        if (overdue.context) {
            overdue.on_answer(
                {{},
                 own_trouble(QStringLiteral("timed_out"), tr("The agent took too long to answer."),
                             tr("Try again; “postern status” in a terminal tells more."))});
        }
    }
    if (waiting_.isEmpty()) {
        overdue_.stop();
    }
}

void AgentClient::answer_all(const Trouble& why) {
    const QHash<qint64, Waiting> all = std::exchange(waiting_, {});
    for (const Waiting& waiting : all) {
        if (waiting.context) {
            waiting.on_answer({{}, why});
        }
    }
}

}  // namespace postern::tray

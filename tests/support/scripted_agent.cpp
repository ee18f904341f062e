#include "support/scripted_agent.hpp"

#include <QJsonDocument>

namespace postern::test {

ScriptedAgent::ScriptedAgent(QString socket) : socket_(std::move(socket)) {
    state = scripted_state();
    replies_.insert("login.methods", {scripted_methods(), {}, {}});
    replies_.insert("events", {{{"events", QJsonArray()}}, {}, {}});
    QObject::connect(&server_, &QLocalServer::newConnection, &server_, [this] {
        while (QLocalSocket* const client = server_.nextPendingConnection()) {
            clients_.append(client);
            QObject::connect(client, &QLocalSocket::disconnected, &server_, [this, client] {
                clients_.removeAll(client);
                client->deleteLater();
            });
            QObject::connect(client, &QLocalSocket::readyRead, &server_, [this, client] {
                while (client->canReadLine()) {
                    on_line(client, client->readLine());
                }
            });
        }
    });
}

ScriptedAgent::~ScriptedAgent() {
    stop();
}

void ScriptedAgent::start() {
    if (server_.isListening()) {
        return;
    }
    QLocalServer::removeServer(socket_);
    server_.listen(socket_);
}

void ScriptedAgent::stop() {
    server_.close();
    const QList<QLocalSocket*> clients = clients_;
    for (QLocalSocket* client : clients) {
        client->abort();
    }
}

void ScriptedAgent::answer(const QString& method, const QJsonObject& result) {
    replies_[method] = {result, {}, {}};
}
void ScriptedAgent::answer_by(const QString& method, Script script) {
    replies_[method] = {{}, {}, std::move(script)};
}
void ScriptedAgent::keep_silent_about(const QString& method) {
    replies_[method] = {{}, {}, {}, true};
}

void ScriptedAgent::refuse(const QString& method, const QString& reason, const QString& message,
                           const QString& hint) {
    const QJsonObject data{{"reason", reason}, {"hint", hint}};
    replies_[method] = {{}, {{"code", -32000}, {"message", message}, {"data", data}}, {}};
}

void ScriptedAgent::notify(const QString& method, const QJsonValue& params) {
    const QList<QLocalSocket*> clients = clients_;
    for (QLocalSocket* client : clients) {
        write(client, {{"jsonrpc", "2.0"}, {"method", method}, {"params", params}});
    }
}

void ScriptedAgent::send_raw(const QByteArray& bytes) {
    for (QLocalSocket* client : clients_) {
        client->write(bytes);
        client->flush();
    }
}

int ScriptedAgent::count(const QString& method) const {
    int count = 0;
    for (const Asked& asked : asked_) {
        count += asked.method == method ? 1 : 0;
    }
    return count;
}

QJsonObject ScriptedAgent::last(const QString& method) const {
    for (auto asked = asked_.crbegin(); asked != asked_.crend(); ++asked) {
        if (asked->method == method) {
            return asked->params;
        }
    }
    return {};
}

void ScriptedAgent::on_line(QLocalSocket* client, const QByteArray& line) {
    const QJsonObject question = QJsonDocument::fromJson(line).object();
    const QString method = question["method"].toString();
    const QJsonObject params = question["params"].toObject();
    asked_.append({method, params});
    QJsonObject message{{"jsonrpc", "2.0"}, {"id", question["id"]}};
    const auto reply = replies_.constFind(method);
    if (reply != replies_.cend() && reply->is_silent) {
        return;
    }
    if (reply != replies_.cend() && !reply->error.isEmpty()) {
        message["error"] = reply->error;
    } else if (reply != replies_.cend()) {
        message["result"] = reply->script ? reply->script(params) : reply->result;
    } else if (method == "hello") {
        message["result"] = QJsonObject{{"protocol", protocol}, {"version", "0.1.0"}, {"pid", 1}};
    } else if (method == "subscribe" || method == "state") {
        message["result"] = state;
    } else {
        message["error"] = QJsonObject{{"code", -32601}, {"message", "no such method"}};
    }
    write(client, message);
}

void ScriptedAgent::write(QLocalSocket* client, const QJsonObject& message) {
    client->write(QJsonDocument(message).toJson(QJsonDocument::Compact) + '\n');
    client->flush();
}

QJsonObject scripted_login() {
    return {{"user", "alice"},
            {"groups", QJsonArray{"analysts", "on-call"}},
            {"serial", "5f1c09e2ab7744d08e63b1f2906ad517"},
            {"issuer", "Example Users Issuing CA"},
            {"not_before", "2026-11-23T11:47:00Z"},
            {"not_after", "2026-11-23T12:47:00Z"},
            {"remaining_seconds", 2820},
            {"session_ends", "2026-11-23T19:30:00Z"},
            {"certificate_file", "/home/alice/.local/state/postern/login.pem"},
            {"key_file", "/home/alice/.local/state/postern/login.key"},
            {"state", "valid"}};
}

QJsonObject scripted_trust() {
    return {{"ca", "https://ca.example.org:7444"},
            {"trust_domain", "example.org"},
            {"fingerprint", "sha256:9f2c71aa04d6e3b85f10c7d22b9e64f3a8c15d70e94b2f6683dd1e05b7a4c9f8"},
            {"gateways", QJsonArray{"gw1.example.org:7443"}}};
}

QJsonObject scripted_service(const QString& name, const QString& state, int port) {
    QJsonObject service{{"name", name},           {"description", QString()},
                        {"protocol", "postgres"}, {"modes", QJsonArray{"end_to_end", "passthrough"}},
                        {"mode", "end_to_end"},   {"state", state},
                        {"allowed", true},        {"port", port > 0 ? QJsonValue(port) : QJsonValue()},
                        {"connections", 0},       {"bytes_in", 0},
                        {"bytes_out", 0}};
    // As with the agent, only a port that is open has commands.
    if (port > 0 && state != "disconnected") {
        const QString number = QString::number(port);
        service["commands"] =
            QJsonObject{{"psql", "psql -h localhost -p " + number + " -U alice -d orders"},
                        {"jdbc", "jdbc:postgresql://localhost:" + number + "/orders?user=alice"},
                        {"dsn", "postgresql://alice@localhost:" + number + "/orders"},
                        {"env", "PGHOST=localhost PGPORT=" + number + " PGUSER=alice PGDATABASE=orders"},
                        {"socket", "psql -h /run/user/1000/postern -p " + number + " -U alice -d orders"}};
    }
    return service;
}

QJsonObject scripted_state() {
    QJsonObject orders = scripted_service("orders-db", "connected", 5432);
    orders["description"] = "Orders and invoices, production";
    orders["connections"] = 2;
    orders["bytes_in"] = 48211934;
    orders["bytes_out"] = 215620;
    orders["favourite"] = true;
    orders["connect_at_start"] = true;
    QJsonObject billing = scripted_service("billing-db", "disconnected", 5433);
    billing["description"] = "Invoices and payments";
    QJsonObject stock = scripted_service("stock-db");
    stock["description"] = "Warehouse stock levels";
    QJsonObject staging = scripted_service("orders-staging", "connected", 5440);
    staging["description"] = "Orders, staging copy of last night";
    QJsonObject queue = scripted_service("queue");
    queue["description"] = "Message broker";
    queue["protocol"] = "tcp";
    queue["modes"] = QJsonArray{"passthrough"};
    queue["mode"] = "passthrough";
    const QJsonObject settings{{"connect_at_start", QJsonArray{"orders-db"}},
                               {"favourites", QJsonArray{"orders-db"}},
                               {"notifications", true}};
    return {{"trust", scripted_trust()},
            {"login", scripted_login()},
            {"services", QJsonArray{billing, orders, staging, queue, stock}},
            {"settings", settings},
            {"attention", QJsonValue()}};
}

QJsonArray scripted_events() {
    const QString orders = "orders-db";
    return {QJsonObject{{"time", "2026-11-23T11:58:41Z"},
                        {"kind", "accepted"},
                        {"service", orders},
                        {"program", "psql"},
                        {"connection_id", "01hq7v8k3m9x"}},
            QJsonObject{{"time", "2026-11-23T11:55:03Z"},
                        {"kind", "refused"},
                        {"service", "payroll-db"},
                        {"reason", "policy_denied"},
                        {"message", "No rule lets alice use payroll-db."},
                        {"connection_id", "01hq7v2f6c4d"}},
            QJsonObject{{"time", "2026-11-23T11:52:20Z"},
                        {"kind", "closed"},
                        {"service", orders},
                        {"program", "pg_dump"},
                        {"connection_id", "01hq7tzw1b8n"}},
            QJsonObject{{"time", "2026-11-23T11:49:12Z"},
                        {"kind", "accepted"},
                        {"service", orders},
                        {"program", "pg_dump"},
                        {"connection_id", "01hq7tzw1b8n"}},
            QJsonObject{{"time", "2026-11-23T11:48:02Z"}, {"kind", "connected"}, {"service", orders}},
            QJsonObject{{"time", "2026-11-23T11:48:00Z"}, {"kind", "login"}}};
}

QJsonObject scripted_methods() {
    const QJsonObject user{{"name", "user"}, {"label", "Login name"}, {"kind", "text"}, {"required", true}};
    const QJsonObject password{
        {"name", "password"}, {"label", "Password"}, {"kind", "secret"}, {"required", true}};
    return {
        {"methods", QJsonArray{QJsonObject{
                        {"id", "password"}, {"title", "Password"}, {"fields", QJsonArray{user, password}}}}}};
}

}  // namespace postern::test

// What the agent has told: the login, the services, the settings, what needs attention. A pure value: objects
// of the control protocol (docs/agent-protocol.md) in, claims out; no socket, no clock, no window.
//
// The strings come from gateways and the CA: they are made single lines here, once (foreign_text), so that
// whatever shows them need not.
#pragma once

#include <QDateTime>
#include <QJsonObject>
#include <QList>
#include <QString>
#include <QStringList>
#include <optional>

namespace postern::tray {

struct Trust {
    QString ca;
    QString trust_domain;
    QString fingerprint;
    QStringList gateways;
    /// Who signed in last; may be empty.
    QString user;
    bool operator==(const Trust&) const = default;
};

enum class LoginState { valid, renewing, expired, revoked };

struct Login {
    QString user;
    QStringList groups;
    QString serial;
    QString issuer;
    QDateTime not_before;
    QDateTime not_after;
    QDateTime session_ends;
    QString certificate_file;
    LoginState state = LoginState::valid;
    /// May be used: neither expired nor revoked.
    bool is_usable() const { return state == LoginState::valid || state == LoginState::renewing; }
    /// The person should sign in again before the session ends by itself.
    bool ends_soon(const QDateTime& now) const;
    bool operator==(const Login&) const = default;
};

enum class ServiceState { disconnected, connecting, connected, error };

struct Trouble {
    QString reason;
    QString message;
    QString hint;
    QString connection_id;
    /// The window's own words, in the person's language; else the agent's or the CA's, in English.
    bool is_own = false;
    bool is_empty() const { return reason.isEmpty() && message.isEmpty(); }
    bool operator==(const Trouble&) const = default;
};

struct Service {
    QString name;
    QString description;
    QString protocol;
    QStringList modes;
    QString mode;
    ServiceState state = ServiceState::disconnected;
    bool is_allowed = true;
    /// By the CA. What it does not list is only passed through, and only if a person says so.
    bool is_listed = true;
    int open_ports = 0;
    int port = 0;  ///< 0: none was chosen yet
    QString socket;
    int connections = 0;
    qint64 bytes_in = 0;
    qint64 bytes_out = 0;
    Trouble error;
    /// By the protocol's names: psql, jdbc, dsn, env.
    QMap<QString, QString> commands;
    bool connects_at_start = false;
    bool is_favourite = false;

    /// The local port is open or on its way. An open port whose last connection was refused is in `error`.
    bool is_on() const {
        return state == ServiceState::connecting || state == ServiceState::connected ||
               (state == ServiceState::error && open_ports > 0);
    }
    bool is_postgres() const { return protocol == QStringLiteral("postgres"); }
    bool operator==(const Service&) const = default;
};

struct Event {
    QDateTime time;
    QString kind;
    QString service;
    QString program;
    Trouble trouble;
    bool operator==(const Event&) const = default;
};

struct AgentSettings {
    QStringList connect_at_start;
    QStringList favourites;
    bool notifications = true;
    bool operator==(const AgentSettings&) const = default;
};

/// A field of the sign-in form.
struct LoginField {
    QString name;
    QString label;
    QString kind;
    bool is_required = true;
};

struct LoginMethod {
    QString id;
    QString title;
    QList<LoginField> fields;
};

struct InspectedCa {
    QString ca;
    QString fingerprint;
    QString subject;
    QDateTime not_after;
};

Trust trust_from(const QJsonObject& json);
Login login_from(const QJsonObject& json);
Service service_from(const QJsonObject& json);
Event event_from(const QJsonObject& json);
AgentSettings settings_from(const QJsonObject& json);
InspectedCa inspected_ca_from(const QJsonObject& json);
/// The methods that a form can be drawn for; others are left out. At most 8, with 8 fields each.
QList<LoginMethod> login_methods_from(const QJsonObject& result);
/// Of the window itself.
Trouble own_trouble(const QString& reason, const QString& message, const QString& hint);
/// An error object of JSON-RPC.
Trouble trouble_from_error(const QJsonObject& error);
/// Of a connection that was refused or cut: without a gateway's id it need not have left this computer, and
/// says nothing about rules or gateways.
Trouble about_local(Trouble trouble);
/// Whether it is one of those.
bool is_local(const Trouble& trouble);
/// Of something that only the CA service could do: what cannot be reached, or has had too much, then is that
/// and no gateway.
Trouble about_ca(Trouble trouble);

/// What the icon and the header tell at a glance.
enum class Overview { no_agent, not_set_up, signed_out, signed_in, connected, needs_attention };

class AgentState {
public:
    /// The result of `state` or `subscribe`.
    void replace(const QJsonObject& state);
    /// A notification. False if it is not known, or says nothing.
    bool apply(const QString& method, const QJsonObject& params);
    /// One service as a method's result told it.
    void put(Service service);
    void put_events(QList<Event> newest_first);
    /// Nothing is known any more: the agent is gone.
    void forget();

    bool is_known() const { return is_known_; }
    const std::optional<Trust>& trust() const { return trust_; }
    const std::optional<Login>& login() const { return login_; }
    const QList<Service>& services() const { return services_; }
    const Service* service(const QString& name) const;
    /// A gateway has told what there is: what is not among the services is not there for this person.
    bool are_services_known() const { return are_services_known_; }
    /// Why none has, if one was asked and did not answer.
    const std::optional<Trouble>& services_trouble() const { return services_trouble_; }
    const AgentSettings& settings() const { return settings_; }
    const std::optional<Trouble>& attention() const { return attention_; }
    /// Local connections wait for somebody to sign in.
    bool is_sign_in_awaited() const { return is_sign_in_awaited_; }
    /// Somebody is signed in, and may use what is open.
    bool is_signed_in() const { return login_ && login_->is_usable(); }
    /// Newest first; at most 200.
    const QList<Event>& events() const { return events_; }
    int connected_count() const;
    /// Services with an open local port, whatever became of their last connection.
    int open_count() const;
    Overview overview() const;

private:
    void set_services(const QJsonObject& json);
    void set_attention(const QJsonValue& value);

    bool is_known_ = false;
    std::optional<Trust> trust_;
    std::optional<Login> login_;
    QList<Service> services_;
    bool are_services_known_ = false;
    std::optional<Trouble> services_trouble_;
    AgentSettings settings_;
    std::optional<Trouble> attention_;
    bool is_sign_in_awaited_ = false;
    QList<Event> events_;
};

}  // namespace postern::tray

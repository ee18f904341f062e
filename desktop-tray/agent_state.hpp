// What the agent has reported: the login, the services, the settings, what needs attention. It is a pure
// value: it takes objects of the control protocol (docs/agent-protocol.md), and knows no socket, no clock and
// no window.
//
// The strings come from gateways and the CA. They are made single lines here, once (foreign_text.hpp), so
// that what shows them need not do it.
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
    /// The user who signed in last; may be empty.
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
    /// Returns true while the login may be used: it is neither expired nor revoked.
    bool is_usable() const { return state == LoginState::valid || state == LoginState::renewing; }
    /// Returns true when the person should sign in again, because the session ends within ten minutes.
    bool ends_soon(const QDateTime& now) const;
    bool operator==(const Login&) const = default;
};

enum class ServiceState { disconnected, connecting, connected, error };

/// A failure or a refusal, as it is told to a person.
struct Trouble {
    QString reason;
    QString message;
    QString hint;
    QString connection_id;
    /// True for the window's own words, which are in the person's language. The words of the agent and the CA
    /// are in English.
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
    /// True when the CA lists the service. What it does not list is only passed through, and only if a person
    /// says so.
    bool is_listed = true;
    int open_ports = 0;
    int port = 0;  ///< 0: none was chosen yet
    QString socket;
    int connections = 0;
    qint64 bytes_in = 0;
    qint64 bytes_out = 0;
    Trouble error;
    /// The commands by the protocol's names: psql, jdbc, dsn, env.
    QMap<QString, QString> commands;
    bool connects_at_start = false;
    bool is_favourite = false;

    /// Returns true when the local port is open or being opened. A port that is open although its last
    /// connection was refused has the state `error`.
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

/// A CA that answers at an address and that a person has not trusted yet.
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
/// Returns the methods for which a form can be drawn, at most 8 with 8 fields each; others are left out.
QList<LoginMethod> login_methods_from(const QJsonObject& result);
/// Makes a trouble in the window's own words.
Trouble own_trouble(const QString& reason, const QString& message, const QString& hint);
/// Reads the error object of a JSON-RPC answer.
Trouble trouble_from_error(const QJsonObject& error);
/// Adapts the reason of a connection that was refused or cut. Without a gateway's connection id the
/// connection need not have left this computer, so its reason says nothing about rules or gateways.
Trouble about_local(Trouble trouble);
/// Returns whether about_local() has adapted the trouble's reason.
bool is_local(const Trouble& trouble);
/// Adapts the reason of a request that only the CA service can answer: what cannot be reached, or was asked
/// too often, then is the CA service and no gateway.
Trouble about_ca(Trouble trouble);

/// What the icon and the header show at a glance.
enum class Overview { no_agent, not_set_up, signed_out, signed_in, connected, needs_attention };

class AgentState {
public:
    /// Takes the result of `state` or `subscribe`.
    void replace(const QJsonObject& state);
    /// Applies a notification. Returns false if its method is not known.
    bool apply(const QString& method, const QJsonObject& params);
    /// Adds or replaces one service, as a method's result reported it.
    void put(Service service);
    void put_events(QList<Event> newest_first);
    /// Forgets everything, because the agent is gone.
    void forget();

    bool is_known() const { return is_known_; }
    const std::optional<Trust>& trust() const { return trust_; }
    const std::optional<Login>& login() const { return login_; }
    const QList<Service>& services() const { return services_; }
    const Service* service(const QString& name) const;
    /// Returns true when a gateway has listed the services: what is not among them does not exist for this
    /// person.
    bool are_services_known() const { return are_services_known_; }
    /// Why no gateway has listed them, if one was asked and did not answer.
    const std::optional<Trouble>& services_trouble() const { return services_trouble_; }
    const AgentSettings& settings() const { return settings_; }
    const std::optional<Trouble>& attention() const { return attention_; }
    /// Returns true while local connections wait for somebody to sign in.
    bool is_sign_in_awaited() const { return is_sign_in_awaited_; }
    /// Returns true while somebody is signed in and may use what is open.
    bool is_signed_in() const { return login_ && login_->is_usable(); }
    /// The events, the newest first; at most 200.
    const QList<Event>& events() const { return events_; }
    int connected_count() const;
    /// Returns the number of services whose local port is open or being opened, whatever became of their last
    /// connection.
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

#include "desktop-tray/agent_state.hpp"

#include <QJsonArray>
#include <algorithm>

#include "desktop-tray/foreign_text.hpp"

namespace postern::tray {

namespace {

constexpr int kLongestText = 400;
constexpr int kLongestCommand = 2000;
constexpr int kMostEvents = 200;
constexpr int kMostServices = 2000;
constexpr int kMostMethods = 8;
constexpr qint64 kSoonSeconds = 600;

QString clean(const QJsonValue& value, int longest = kLongestText) {
    return one_line(value.toString(), longest);
}

QStringList clean_list(const QJsonValue& value) {
    QStringList list;
    for (const QJsonValue& item : value.toArray()) {
        list.append(clean(item));
    }
    return list;
}

QDateTime time_from(const QJsonValue& value) {
    return QDateTime::fromString(value.toString(), Qt::ISODateWithMs).toUTC();
}

template <class Value>
Value one_of(const QString& text, std::initializer_list<std::pair<const char*, Value>> known,
             Value otherwise) {
    for (const auto& [name, value] : known) {
        if (text == QLatin1String(name)) {
            return value;
        }
    }
    return otherwise;
}

constexpr QLatin1String kLocalDenied("local_denied");
constexpr QLatin1String kLocalTimedOut("local_timed_out");

Trouble trouble_of(const QJsonObject& json) {
    return {clean(json["reason"]), clean(json["message"]), clean(json["hint"]), clean(json["connection_id"]),
            false};
}

template <class Value, class From>
std::optional<Value> optional_from(const QJsonValue& json, From from) {
    return json.isObject() ? std::optional<Value>(from(json.toObject())) : std::nullopt;
}

}  // namespace

bool Login::ends_soon(const QDateTime& now) const {
    const qint64 left = session_ends.isValid() ? now.secsTo(session_ends) : 0;
    return is_usable() && left > 0 && left <= kSoonSeconds;
}

Trust trust_from(const QJsonObject& json) {
    return {clean(json["ca"]), clean(json["trust_domain"]), clean(json["fingerprint"]),
            clean_list(json["gateways"]), clean(json["user"])};
}

Login login_from(const QJsonObject& json) {
    Login login;
    login.user = clean(json["user"]);
    login.groups = clean_list(json["groups"]);
    login.serial = clean(json["serial"]);
    login.issuer = clean(json["issuer"]);
    login.not_before = time_from(json["not_before"]);
    login.not_after = time_from(json["not_after"]);
    login.session_ends = time_from(json["session_ends"]);
    login.certificate_file = clean(json["certificate_file"], kLongestCommand);
    login.state = one_of<LoginState>(json["state"].toString(),
                                     {{"renewing", LoginState::renewing},
                                      {"expired", LoginState::expired},
                                      {"revoked", LoginState::revoked}},
                                     LoginState::valid);
    return login;
}

Service service_from(const QJsonObject& json) {
    Service service;
    service.name = clean(json["name"]);
    service.description = clean(json["description"]);
    service.protocol = clean(json["protocol"]);
    service.modes = clean_list(json["modes"]);
    service.mode = clean(json["mode"]);
    service.state = one_of<ServiceState>(json["state"].toString(),
                                         {{"connecting", ServiceState::connecting},
                                          {"connected", ServiceState::connected},
                                          {"error", ServiceState::error}},
                                         ServiceState::disconnected);
    service.is_allowed = json["allowed"].toBool(true);
    service.is_listed = json["listed"].toBool(true);
    service.open_ports = static_cast<int>(json["ports"].toArray().size());
    service.port = std::clamp(json["port"].toInt(0), 0, 65535);
    service.socket = clean(json["socket"], kLongestCommand);
    service.connections = std::max(0, json["connections"].toInt());
    service.bytes_in = std::max<qint64>(0, json["bytes_in"].toInteger());
    service.bytes_out = std::max<qint64>(0, json["bytes_out"].toInteger());
    if (service.state == ServiceState::error) {
        service.error = trouble_of(json["error"].toObject());
    }
    const QJsonObject commands = json["commands"].toObject();
    for (const char* name : {"psql", "jdbc", "dsn", "env"}) {
        if (const QJsonValue command = commands[QLatin1String(name)]; command.isString()) {
            // An environment has a line for each variable.
            QStringList lines;
            for (const QString& line : command.toString().split(QLatin1Char('\n'))) {
                lines.append(clean(line, kLongestCommand));
            }
            service.commands.insert(QLatin1String(name), lines.mid(0, 32).join(QLatin1Char('\n')).trimmed());
        }
    }
    service.connects_at_start = json["connect_at_start"].toBool();
    service.is_favourite = json["favourite"].toBool();
    return service;
}

Event event_from(const QJsonObject& json) {
    Event event{time_from(json["time"]), clean(json["kind"]), clean(json["service"]), clean(json["program"]),
                trouble_of(json)};
    if (event.kind == QLatin1String("renewal_failed")) {
        event.trouble = about_ca(std::move(event.trouble));
    } else if (event.kind == QLatin1String("refused") || event.kind == QLatin1String("cut")) {
        event.trouble = about_local(std::move(event.trouble));
    }
    return event;
}

AgentSettings settings_from(const QJsonObject& json) {
    return {clean_list(json["connect_at_start"]), clean_list(json["favourites"]),
            json["notifications"].toBool(true)};
}

InspectedCa inspected_ca_from(const QJsonObject& json) {
    return {clean(json["ca"]), clean(json["fingerprint"]), clean(json["subject"]),
            time_from(json["not_after"])};
}

QList<LoginMethod> login_methods_from(const QJsonObject& result) {
    QList<LoginMethod> methods;
    for (const QJsonValue& value : result["methods"].toArray()) {
        const QJsonObject json = value.toObject();
        if (json["kind"].toString(QStringLiteral("form")) != QLatin1String("form") ||
            methods.size() >= kMostMethods) {
            continue;
        }
        LoginMethod method{clean(json["id"]), clean(json["title"]), {}};
        for (const QJsonValue& item : json["fields"].toArray()) {
            const QJsonObject field = item.toObject();
            if (method.fields.size() < kMostMethods) {
                method.fields.append({clean(field["name"]), clean(field["label"]), clean(field["kind"]),
                                      field["required"].toBool(true)});
            }
        }
        if (!method.id.isEmpty() && !method.fields.isEmpty()) {
            methods.append(method);
        }
    }
    return methods;
}

Trouble own_trouble(const QString& reason, const QString& message, const QString& hint) {
    return {reason, message, hint, {}, true};
}

Trouble trouble_from_error(const QJsonObject& error) {
    Trouble trouble = trouble_of(error["data"].toObject());
    if (trouble.reason.isEmpty()) {
        trouble.reason = QStringLiteral("protocol_error");
    }
    trouble.message = clean(error["message"]);
    return trouble;
}

Trouble about_ca(Trouble trouble) {
    constexpr std::pair<const char*, const char*> kOfCa[] = {{"unreachable", "ca_unreachable"},
                                                             {"timed_out", "ca_unreachable"},
                                                             {"end_of_stream", "ca_unreachable"},
                                                             {"audit_unavailable", "ca_unavailable"},
                                                             {"limit_reached", "asked_too_often"}};
    for (const auto& [reason, of_ca] : kOfCa) {
        if (trouble.reason == QLatin1String(reason)) {
            trouble.reason = QLatin1String(of_ca);
            break;
        }
    }
    return trouble;
}

Trouble about_local(Trouble trouble) {
    if (trouble.connection_id.isEmpty() && trouble.reason == QLatin1String("policy_denied")) {
        trouble.reason = kLocalDenied;
    } else if (trouble.connection_id.isEmpty() && trouble.reason == QLatin1String("timed_out")) {
        trouble.reason = kLocalTimedOut;
    }
    return trouble;
}

bool is_local(const Trouble& trouble) {
    return trouble.reason == kLocalDenied || trouble.reason == kLocalTimedOut;
}

void AgentState::set_services(const QJsonObject& json) {
    services_.clear();
    // An agent that does not send this member is older than it.
    are_services_known_ = json["services_known"].toBool(true);
    services_trouble_ = optional_from<Trouble>(json["services_error"], trouble_of);
    for (const QJsonValue& value : json["services"].toArray()) {
        const Service service = service_from(value.toObject());
        if (!service.name.isEmpty() && services_.size() < kMostServices) {
            services_.append(service);
        }
    }
}

void AgentState::set_attention(const QJsonValue& value) {
    attention_ = optional_from<Trouble>(value, trouble_of);
    is_sign_in_awaited_ = value[QLatin1String("waiting")].toBool();
    if (attention_ && attention_->is_empty()) {
        attention_.reset();
    }
}

void AgentState::replace(const QJsonObject& state) {
    is_known_ = true;
    trust_ = optional_from<Trust>(state["trust"], trust_from);
    login_ = optional_from<Login>(state["login"], login_from);
    set_services(state);
    settings_ = settings_from(state["settings"].toObject());
    set_attention(state["attention"]);
}

bool AgentState::apply(const QString& method, const QJsonObject& params) {
    if (method == QLatin1String("login")) {
        login_ = params.isEmpty() ? std::nullopt : std::optional(login_from(params));
    } else if (method == QLatin1String("trust")) {
        trust_ = trust_from(params);
    } else if (method == QLatin1String("services")) {
        set_services(params);
    } else if (method == QLatin1String("service")) {
        put(service_from(params));
    } else if (method == QLatin1String("traffic")) {
        for (const QJsonValue& value : params["services"].toArray()) {
            const Service told = service_from(value.toObject());
            for (Service& service : services_) {
                if (service.name == told.name) {
                    service.connections = told.connections;
                    service.bytes_in = told.bytes_in;
                    service.bytes_out = told.bytes_out;
                }
            }
        }
    } else if (method == QLatin1String("event")) {
        events_.prepend(event_from(params));
        events_ = events_.mid(0, kMostEvents);
    } else if (method == QLatin1String("attention")) {
        set_attention(params["attention"]);
    } else if (method == QLatin1String("settings")) {
        settings_ = settings_from(params);
        for (Service& service : services_) {
            service.is_favourite = settings_.favourites.contains(service.name);
            service.connects_at_start = settings_.connect_at_start.contains(service.name);
        }
    } else {
        return false;
    }
    return true;
}

void AgentState::put(Service service) {
    if (service.name.isEmpty()) {
        return;
    }
    for (Service& known : services_) {
        if (known.name == service.name) {
            known = std::move(service);
            return;
        }
    }
    if (services_.size() < kMostServices) {
        services_.append(std::move(service));
    }
}

void AgentState::put_events(QList<Event> newest_first) {
    events_ = newest_first.mid(0, kMostEvents);
}

void AgentState::forget() {
    *this = AgentState();
}

const Service* AgentState::service(const QString& name) const {
    const auto found = std::find_if(services_.begin(), services_.end(),
                                    [&](const Service& service) { return service.name == name; });
    return found == services_.end() ? nullptr : &*found;
}

int AgentState::connected_count() const {
    return static_cast<int>(std::count_if(services_.begin(), services_.end(), [](const Service& service) {
        return service.state == ServiceState::connected;
    }));
}

int AgentState::open_count() const {
    return static_cast<int>(std::count_if(services_.begin(), services_.end(),
                                          [](const Service& service) { return service.is_on(); }));
}

Overview AgentState::overview() const {
    if (!is_known_) {
        return Overview::no_agent;
    }
    if (!trust_) {
        return Overview::not_set_up;
    }
    const bool has_error = std::any_of(services_.begin(), services_.end(), [](const Service& service) {
        return service.state == ServiceState::error;
    });
    // That nobody is signed in is a state of its own and no fault.
    const bool is_signed_out =
        !login_ && (!attention_ || attention_->reason == QLatin1String("login_required"));
    if (is_signed_out) {
        return Overview::signed_out;
    }
    if (attention_ || has_error || (login_ && !login_->is_usable())) {
        return Overview::needs_attention;
    }
    return connected_count() > 0 ? Overview::connected : Overview::signed_in;
}

}  // namespace postern::tray

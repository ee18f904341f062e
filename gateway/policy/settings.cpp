#include "gateway/policy/settings.hpp"

#include <algorithm>
#include <unordered_set>

#include <fmt/format.h>

#include "config/document.hpp"
#include "pki/identity.hpp"
#include "pki/validity.hpp"

namespace postern::gateway {

namespace {

using std::chrono::hours;
using std::chrono::seconds;

/// Returns whether the host stands for all addresses of IPv6 or of IPv4, as Listener binds it.
bool is_all_of(std::string_view host, bool is_v6) {
    return host == "*" || host == (is_v6 ? "::" : "0.0.0.0");
}

bool cannot_both_listen(const net::Address& one, const net::Address& other) {
    if (one.is_unix || other.is_unix) {
        return one.is_unix && other.is_unix && one.host == other.host;
    }
    if (one.port != other.port || one.port == "0") {
        return false;
    }
    const auto host_of = [](const net::Address& address) {
        return address.host == "localhost" ? std::string_view("127.0.0.1") : std::string_view(address.host);
    };
    const std::string_view a = host_of(one);
    const std::string_view b = host_of(other);
    const auto is_v6 = [](std::string_view host) { return host.find(':') != host.npos; };
    return a == b || is_all_of(a, is_v6(b)) || is_all_of(b, is_v6(a));
}

bool is_taken(const net::Address& address, const std::vector<net::Address>& by) {
    return std::ranges::any_of(by, [&](const net::Address& other) { return cannot_both_listen(address, other); });
}

void read_gateway(config::Table table, Settings& settings) {
    settings.name = table.string("name");
    if (!settings.name.empty() && !pki::is_resource_name(settings.name)) {
        table.problem("name", "a gateway's name is letters, digits and ._- (first a letter, digit or _)");
    }
    std::vector<std::string> listen = table.strings("listen");
    if (listen.empty()) {
        listen.emplace_back("0.0.0.0:7443");
    }
    for (const std::string& text : listen) {
        auto address = net::parse_address(text);
        if (address && net::is_listenable(*address) && is_taken(*address, settings.listen)) {
            table.problem("listen", fmt::format("'{}' is listened on twice", text));
        } else if (address && net::is_listenable(*address)) {
            settings.listen.push_back(std::move(*address));
        } else {
            table.problem("listen", address ? fmt::format("'{}' is no IP address and port; write for example "
                                                          "\"0.0.0.0:7443\"",
                                                          text)
                                            : address.error().detail);
        }
    }
    settings.threads = static_cast<std::size_t>(table.integer("threads", 0, 0, 1024));
    settings.drain_timeout = table.duration("drain_timeout", seconds(30), Milliseconds(0), hours(24));
    settings.expiry_grace =
        table.duration("expiry_grace", Milliseconds(0), Milliseconds(0), pki::kLongestExpiryGrace);
    settings.admin_socket = table.optional_path("admin_socket");
    // sockaddr_un holds a path of at most 107 bytes.
    if (settings.admin_socket && settings.admin_socket->native().size() > 107) {
        table.problem("admin_socket", "a Unix socket's path has 107 bytes at most");
    }
}

void read_health(config::Table table, Settings& settings) {
    if (!table.has("listen")) {
        return;
    }
    const std::string text = table.string("listen");
    auto address = net::parse_address(text);
    if (address && is_taken(*address, settings.listen)) {
        table.problem("listen", fmt::format("'{}' is listened on by [gateway] already", text));
    } else if (address && !address->is_unix && is_listenable(*address)) {
        settings.health_listen = std::move(*address);
    } else {
        table.problem("listen",
                      fmt::format("'{}' is no IP address and port; write for example \"127.0.0.1:9080\"", text));
    }
}

void read_tls(config::Table table, Settings& settings) {
    settings.certificate = table.path("certificate");
    settings.key = table.path("key");
    settings.user_ca = table.path("user_ca");
}

void read_ca(config::Table table, Settings& settings) {
    if (const std::string url = table.string("url"); !url.empty()) {
        if (auto read = http::HttpsUrl::parse(url)) {
            settings.ca = *std::move(read);
        } else {
            table.problem("url", read.error().detail);
        }
    }
    settings.server_ca = table.path("server_ca");
    settings.trust_domain = table.string("trust_domain");
    if (!settings.trust_domain.empty() && !pki::is_trust_domain(settings.trust_domain)) {
        table.problem("trust_domain", "a trust domain is a lower-case DNS name");
    }
    settings.crl_refresh = table.duration("crl_refresh", seconds(1), Milliseconds(100), hours(24));
    settings.crl_file = table.optional_path("crl_file");
    settings.offline_grace =
        table.duration("offline_grace", Milliseconds(0), Milliseconds(0), hours(24 * 30));
}

/// Reads [limits]. `services` gets the bounds of a service that does not set its own.
void read_limits(config::Table table, LimitSettings& limits, ServiceBounds& services) {
    const auto count = [&](std::string_view key, std::size_t& value) {
        value = static_cast<std::size_t>(table.integer(key, static_cast<std::int64_t>(value), 1, 1'000'000));
    };
    count("connections", limits.connections);
    const auto share = [&](std::string_view key, std::size_t& value) {
        if (table.has(key)) {
            value = 1;
            count(key, value);
        }
    };
    share("connections_per_address", limits.connections_per_address);
    share("connections_per_identity", limits.connections_per_identity);
    count("connections_per_identity_per_minute", limits.connections_per_identity_per_minute);
    count("connections_per_service", services.connections);
    count("connections_per_service_and_identity", services.per_identity);
    count("pending", limits.pending);
    count("warm", limits.warm);
    count("warm_per_identity", limits.warm_per_identity);
    count("failed_handshakes_recorded", limits.failed_handshakes_recorded);
    const auto timeout = [&](std::string_view key, Milliseconds& value) {
        value = table.duration(key, value, Milliseconds(100), seconds(600));
    };
    timeout("handshake_timeout", limits.handshake_timeout);
    timeout("request_timeout", limits.request_timeout);
    timeout("backend_timeout", limits.backend_timeout);
    timeout("start_timeout", limits.start_timeout);
    limits.warm_timeout = table.duration("warm_timeout", limits.warm_timeout, Milliseconds(100), hours(24));
}

void read_audit(config::Table table, AuditSettings& audit) {
    audit.file = table.path("file");
    audit.key = table.path("key");
    const std::string durability = table.choice("durability", "write", {"write", "sync"});
    audit.durability = durability == "sync" ? audit::Durability::sync : audit::Durability::write;
    audit.copies = table.strings("copies");
    for (const std::string& copy : audit.copies) {
        if (copy != "stdout" && copy != "journald") {
            table.problem("copies",
                          fmt::format("'{}' is no place for a copy; known are stdout and journald", copy));
        }
    }
    audit.rotate_bytes = static_cast<std::uint64_t>(
        table.integer("rotate_bytes", std::int64_t{audit::kRotateBytes},
                      std::int64_t{audit::kLeastRotateBytes}, std::int64_t{audit::kMostRotateBytes}));
}

constexpr std::size_t kMostDescription = 200;
/// PostgreSQL's NAMEDATALEN, less the terminating byte.
constexpr std::size_t kMostDatabaseName = 63;

/// Reads one line of text, which may be printed on a terminal and written to the settings of other programs.
std::string read_line(config::Table& table, std::string_view key, std::size_t most) {
    std::string text = table.text(key, "");
    const bool is_line =
        std::none_of(text.begin(), text.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; });
    if (!is_line || text.size() > most) {
        table.problem(key, fmt::format("this is one line of at most {} bytes", most));
    }
    return text;
}

std::size_t read_bound(config::Table& table, std::string_view key, std::size_t otherwise) {
    return static_cast<std::size_t>(table.integer(key, static_cast<std::int64_t>(otherwise), 1, 1'000'000));
}

std::vector<Service> read_services(std::vector<config::Table> tables, ServiceBounds bounds) {
    std::vector<Service> services;
    std::unordered_set<std::string> names;
    for (config::Table& table : tables) {
        Service service;
        service.name = table.string("name");
        if (!service.name.empty() && !pki::is_resource_name(service.name)) {
            table.problem("name", "a service's name is letters, digits and ._- (first a letter, digit or _)");
        }
        const std::string backend = table.string("backend");
        auto address = net::parse_address(backend);
        if (address && address->port != "0" && address->host != "*") {
            service.backend = std::move(*address);
        } else if (!backend.empty()) {
            table.problem("backend", address
                                         ? fmt::format("'{}' names no host and port (1 to 65535) to connect "
                                                       "to; write for example \"db1.example.org:5432\"",
                                                       backend)
                                         : address.error().detail);
        }
        service.protocol = table.choice("protocol", "postgres", {"postgres", "tcp"}) == "tcp"
                               ? Protocol::tcp
                               : Protocol::postgres;
        const std::string_view natural = service.protocol == Protocol::tcp ? "passthrough" : "end_to_end";
        service.mode = table.choice("mode", natural, {"end_to_end", "passthrough"}) == "passthrough"
                           ? Mode::passthrough
                           : Mode::end_to_end;
        if (service.protocol == Protocol::tcp && service.mode == Mode::end_to_end) {
            table.problem("mode", "end_to_end needs protocol = \"postgres\"");
        }
        service.description = read_line(table, "description", kMostDescription);
        service.database = read_line(table, "database", kMostDatabaseName);
        service.bounds.connections = read_bound(table, "connections", bounds.connections);
        service.bounds.per_identity = read_bound(table, "connections_per_identity", bounds.per_identity);
        if (!service.name.empty() && !names.insert(service.name).second) {
            table.problem("name", fmt::format("there is another service named '{}'", service.name));
            continue;
        }
        services.push_back(std::move(service));
    }
    return services;
}

std::vector<Rule> read_rules(std::vector<config::Table> tables, const std::vector<Service>& services) {
    std::unordered_set<std::string_view> known;
    for (const Service& service : services) {
        known.insert(service.name);
    }
    std::vector<Rule> rules;
    for (config::Table& table : tables) {
        Rule rule;
        for (std::string& service : table.strings("services")) {
            if (known.contains(service)) {
                rule.services.push_back(std::move(service));
            } else {
                table.problem("services", fmt::format("there is no service named '{}'", service));
            }
        }
        rule.users = table.strings("users");
        for (const std::string& user : rule.users) {
            if (!pki::is_login_name(user)) {
                table.problem("users", fmt::format("'{}' is no login name (rules know no patterns)", user));
            }
        }
        rule.groups = table.strings("groups");
        for (const std::string& group : rule.groups) {
            if (!pki::is_resource_name(group)) {
                table.problem("groups",
                              fmt::format("'{}' is no group's name (rules know no patterns)", group));
            }
        }
        if (!table.has("services")) {
            table.problem("services", "a rule must name the services that it opens");
        }
        if (rule.users.empty() && rule.groups.empty()) {
            table.problem("users", "a rule must name users or groups; this one lets nobody in");
        }
        rules.push_back(std::move(rule));
    }
    return rules;
}

/// Checks that no file that the gateway writes has the path of another file of the configuration.
void check_places(config::Table root, const Settings& settings) {
    struct Place {
        const char* table;
        const char* key;
        std::filesystem::path path;
        bool is_written;
    };
    const std::vector<Place> places{
        {"tls", "certificate", settings.certificate, false},
        {"tls", "key", settings.key, false},
        {"tls", "user_ca", settings.user_ca, false},
        {"ca", "server_ca", settings.server_ca, false},
        {"ca", "crl_file", settings.crl_file.value_or(""), true},
        {"audit", "file", settings.audit.file, true},
        {"audit", "key", settings.audit.key, true},
        {"gateway", "admin_socket", settings.admin_socket.value_or(""), true},
    };
    for (auto place = places.begin(); place != places.end(); ++place) {
        const auto other = std::find_if(places.begin(), place, [&](const Place& before) {
            return !place->path.empty() && place->is_written && before.path == place->path;
        });
        if (other != place) {
            root.table(place->table)
                .problem(place->key, fmt::format("{} is [{}] {} already", place->path.string(), other->table,
                                                 other->key));
        }
    }
}

Result<Settings> read(config::Document document) {
    config::Table root = document.root();
    Settings settings;
    read_gateway(root.table("gateway"), settings);
    read_health(root.table("health"), settings);
    read_tls(root.table("tls"), settings);
    read_ca(root.table("ca"), settings);
    ServiceBounds bounds;
    read_limits(root.table("limits"), settings.limits, bounds);
    read_audit(root.table("audit"), settings.audit);
    std::vector<Service> services = read_services(root.tables("service"), bounds);
    const std::vector<Rule> rules = read_rules(root.tables("rule"), services);
    check_places(root, settings);
    if (auto finished = document.finish(); !finished) {
        return finished.error();
    }
    auto policy = Policy::make(std::move(services), rules);
    if (!policy) {
        return policy.error();
    }
    settings.policy = std::move(*policy);
    return settings;
}

}  // namespace

Result<Settings> Settings::load(const std::filesystem::path& file) {
    auto document = config::Document::load(file);
    return document ? read(std::move(*document)) : document.error();
}

Result<Settings> Settings::parse(std::string_view text, const std::filesystem::path& name) {
    auto document = config::Document::parse(text, name);
    return document ? read(std::move(*document)) : document.error();
}

std::vector<std::string> changes_that_need_restart(const Settings& old, const Settings& changed) {
    std::vector<std::string> keys;
    const auto same_address = [](const net::Address& a, const net::Address& b) {
        return a.text() == b.text();
    };
    if (!std::ranges::equal(old.listen, changed.listen, same_address)) {
        keys.emplace_back("gateway.listen");
    }
    const auto note = [&](bool is_changed, const char* key) {
        if (is_changed) {
            keys.emplace_back(key);
        }
    };
    const auto text_of = [](const std::optional<net::Address>& address) {
        return address ? address->text() : std::string();
    };
    note(text_of(old.health_listen) != text_of(changed.health_listen), "health.listen");
    note(old.threads != changed.threads, "gateway.threads");
    note(old.admin_socket != changed.admin_socket, "gateway.admin_socket");
    note(old.limits.pending != changed.limits.pending, "limits.pending");
    note(old.audit.file != changed.audit.file, "audit.file");
    note(old.audit.key != changed.audit.key, "audit.key");
    note(old.audit.durability != changed.audit.durability, "audit.durability");
    note(old.audit.copies != changed.audit.copies, "audit.copies");
    return keys;
}

}  // namespace postern::gateway

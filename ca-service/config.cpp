#include "ca-service/config.hpp"

#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "ca-service/server_name.hpp"
#include "config/document.hpp"
#include "http/https_url.hpp"
#include "pki/identity.hpp"
#include "pki/issuer.hpp"

namespace postern::ca {

namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

/// Returns whether agents can connect to the address.
bool is_reachable(const net::Address& address) {
    return !address.is_unix && address.host != "*" && address.port != "0";
}

void read_ca(config::Table table, Config& out) {
    const std::string listen = table.string("listen", "127.0.0.1:7444");
    if (auto address = net::parse_address(listen); !address) {
        table.problem("listen", address.error().detail);
    } else if (address->is_unix || !net::is_listenable(*address)) {
        table.problem("listen", "expected an IP address and a port, for example \"0.0.0.0:7444\"");
    } else {
        out.listen = *address;
    }
    out.names = table.strings("names");
    if (out.names.empty()) {
        table.problem("names",
                      "expected at least one DNS name or IP address by which this service is reached");
    }
    for (const std::string& name : out.names) {
        if (!is_server_name(name)) {
            table.problem("names", fmt::format("'{}' is neither a DNS name nor an IP address", name));
        }
    }
    if (out.names.size() > pki::kMostServerNames) {
        table.problem("names", fmt::format("expected {} names at most", pki::kMostServerNames));
    }
    out.trust_domain = table.string("trust_domain");
    if (!out.trust_domain.empty() && !pki::is_trust_domain(out.trust_domain)) {
        table.problem("trust_domain",
                      fmt::format("'{}' is no trust domain; expected lower-case DNS form, for example "
                                  "\"example.org\"",
                                  out.trust_domain));
    }
    for (const std::string& name : out.names) {
        if (pki::is_service_host(out.trust_domain, name)) {
            table.problem("names", fmt::format("'{}' is the name of a service of the trust domain", name));
        }
    }
    out.certificate_lifetime = table.duration("certificate_lifetime", hours(1), seconds(5), hours(24));
    out.session_lifetime = table.duration("session_lifetime", hours(12), seconds(5), hours(24 * 30));
    out.server_certificate_lifetime =
        table.duration("server_certificate_lifetime", hours(24 * 90), minutes(10), hours(24 * 398));
    out.crl_lifetime = table.duration("crl_lifetime", hours(1), seconds(5), hours(24 * 7));
    out.crl_url = table.string("crl_url", "");
    if (const auto is_url = http::check_url(out.crl_url); !out.crl_url.empty() && !is_url) {
        table.problem("crl_url", is_url.error().detail);
    }
    if (out.crl_url.empty() && !out.names.empty()) {
        out.crl_url = https_url(out.names.front(), out.listen.port) + "/v1/crl";
    }
}

void read_audit(config::Table table, const std::filesystem::path& directory, Config& out) {
    out.audit_file = table.optional_path("file", directory).value_or(directory / "audit.jsonl");
    out.audit_key = table.optional_path("key", directory).value_or(directory / "audit.key");
    out.audit_durability = table.choice("durability", "write", {"write", "sync"}) == "sync"
                               ? audit::Durability::sync
                               : audit::Durability::write;
    out.audit_rotate_bytes = static_cast<std::uint64_t>(
        table.integer("rotate_bytes", std::int64_t{audit::kRotateBytes},
                      std::int64_t{audit::kLeastRotateBytes}, std::int64_t{audit::kMostRotateBytes}));
}

void read_health(config::Table table, Config& out) {
    if (!table.has("listen")) {
        return;
    }
    auto address = net::parse_address(table.string("listen"));
    if (address && !address->is_unix && net::is_listenable(*address)) {
        out.health_listen = std::move(*address);
    } else {
        table.problem("listen", "expected an IP address and a port, for example \"127.0.0.1:9081\"");
    }
}

void read_limits(config::Table table, Config& out) {
    const auto count = [&](std::string_view key, std::int64_t fallback, std::int64_t least,
                           std::int64_t most) {
        return static_cast<std::size_t>(table.integer(key, fallback, least, most));
    };
    out.http.connections = count("connections", 4096, 1, 1'000'000);
    out.http.connections_per_address = count("connections_per_address", 3072, 1, 1'000'000);
    out.http.pending = count("pending", 1024, 1, 1'000'000);
    out.http.connections_per_bearer = count("connections_per_bearer", 64, 1, 1'000'000);
    out.http.handshake_timeout = table.duration("handshake_timeout", seconds(10), seconds(1), minutes(1));
    const auto request_timeout = table.duration("request_timeout", seconds(10), seconds(1), minutes(1));
    out.http.request.head_timeout = request_timeout;
    out.http.request.body_timeout = request_timeout;
    out.http.answer_timeout = request_timeout;
    out.certificates_per_session = count("certificates_per_session", 256, 1, 1'000'000);
    out.certificates_per_user = count("certificates_per_user", 5000, 1, 1'000'000);
    out.refusals_recorded = count("refusals_recorded", kRecordsOfStrangersPerMinute, 1, 10'000'000);
    out.drain_timeout = table.duration("drain_timeout", seconds(10), seconds(0), minutes(10));
    out.login_workers = count("login_workers", 0, 0, 256);
    out.login_queue = count("login_queue", 128, 1, 100'000);
    out.request_workers = count("request_workers", 2, 1, 64);
    out.request_queue = count("request_queue", 1024, 1, 100'000);
}

void read_catalogue(config::Table root, Config& out) {
    std::set<std::string> gateways;
    for (config::Table& table : root.tables("gateway")) {
        CatalogueGateway gateway;
        gateway.name = table.string("name");
        gateway.address = table.string("address");
        if (!gateway.name.empty() && !pki::is_resource_name(gateway.name)) {
            table.problem("name",
                          fmt::format("'{}' is no gateway name (letters, digits and ._-)", gateway.name));
        }
        if (!gateways.insert(gateway.name).second) {
            table.problem("name", fmt::format("there are two gateways '{}'", gateway.name));
        }
        if (auto address = net::parse_address(gateway.address); address && is_reachable(*address)) {
            gateway.address = address->text();
        } else if (!gateway.address.empty()) {
            table.problem("address", address
                                         ? "expected a host and a port (1 to 65535) that desktops reach, for "
                                           "example \"gw1.example.org:7443\""
                                         : address.error().detail);
        }
        out.gateways.push_back(std::move(gateway));
    }
    std::set<std::string> services;
    for (config::Table& table : root.tables("service")) {
        CatalogueService service;
        service.name = table.string("name");
        if (!service.name.empty() && !pki::is_resource_name(service.name)) {
            table.problem("name",
                          fmt::format("'{}' is no service name (letters, digits and ._-)", service.name));
        }
        if (!services.insert(service.name).second) {
            table.problem("name", fmt::format("there are two services '{}'", service.name));
        }
        if (table.has("server_name")) {
            service.server_name = table.string("server_name");
            if (!is_server_name(*service.server_name)) {
                table.problem("server_name", fmt::format("'{}' is no DNS name", *service.server_name));
            }
        }
        service.has_user_map = table.boolean("user_map", false);
        service.is_postgres = table.choice("protocol", "postgres", {"postgres", "tcp"}) == "postgres";
        const std::string_view natural = service.is_postgres ? "end_to_end" : "passthrough";
        service.is_passed_through =
            table.choice("mode", natural, {"end_to_end", "passthrough"}) == "passthrough";
        if (!service.is_postgres && !service.is_passed_through) {
            table.problem("mode", "end_to_end needs protocol = \"postgres\"");
        }
        out.services.push_back(std::move(service));
    }
}

Result<Config> read(config::Document document, const std::filesystem::path& directory) {
    Config out;
    config::Table root = document.root();
    read_ca(root.table("ca"), out);
    read_audit(root.table("audit"), directory, out);
    read_health(root.table("health"), out);
    read_limits(root.table("limits"), out);
    read_catalogue(root, out);
    if (auto finished = document.finish(); !finished) {
        return finished.error();
    }
    return out;
}

}  // namespace

audit::LogOptions Config::audit_log() const {
    audit::LogOptions options;
    options.file = audit_file;
    options.key_file = audit_key;
    options.durability = audit_durability;
    options.sharing = audit::Sharing::shared;
    options.rotate_bytes = audit_rotate_bytes;
    options.program = "postern-ca";
    return options;
}

Result<Config> Config::load(const std::filesystem::path& file, const std::filesystem::path& directory) {
    auto document = config::Document::load(file);
    if (!document) {
        return document.error();
    }
    return read(std::move(*document), directory);
}

Result<Config> Config::parse(std::string_view text, const std::filesystem::path& file,
                             const std::filesystem::path& directory) {
    auto document = config::Document::parse(text, file);
    if (!document) {
        return document.error();
    }
    return read(std::move(*document), directory);
}

std::string initial_config(const std::string& listen, const std::vector<std::string>& names,
                           const std::string& trust_domain) {
    std::vector<std::string> quoted_names;
    for (const std::string& name : names) {
        quoted_names.push_back(fmt::format("\"{}\"", name));
    }
    return fmt::format(
        R"(# The Postern CA service. Check a change with `postern-ca check-config`; `systemctl reload postern-ca`
# (or SIGHUP) puts it in force, and a file with an error leaves the old settings in force.

[ca]
# Where to listen. The default is reached from this machine alone; "0.0.0.0:7444" from everywhere.
listen = "{}"
# The names by which desktops and gateways reach this service. Its own certificate bears them.
names = [{}]
# Part of every certificate that was ever issued: do not change it.
trust_domain = "{}"

# How long a login certificate lives (5s to 24h), and how long one login lasts: until then certificates are
# renewed silently.
# certificate_lifetime = "1h"
# session_lifetime = "12h"
# server_certificate_lifetime = "90d"
# After how long without this service a revocation list counts as stale.
# crl_lifetime = "1h"
# crl_url = "https://ca.example.org:7444/v1/crl"

[audit]
# Relative paths are taken from the CA's folder.
# file = "audit.jsonl"
# key = "audit.key"
# "write": a record survives a crash of this service; "sync": also a power cut.
# durability = "write"
# A file of this size is closed and the log goes on in a new one (on SIGUSR1 too). Nothing is ever removed.
# rotate_bytes = 268435456

[health]
# Where load balancers ask, over plain HTTP, GET /livez (does it run) and GET /readyz (can it do its work).
# listen = "127.0.0.1:9081"

[limits]
# connections = 4096
# connections_per_address = 3072
# Connections without a request to answer that have sent none yet, or have no login certificate; at the bound, or
# where all connections are taken, the oldest of the address that has the most is cut. One address has half of
# these places at the most.
# pending = 1024
# Of one person, by the name in their login certificate; those beyond count as strangers'.
# connections_per_bearer = 64
# handshake_timeout = "10s"
# request_timeout = "10s"
# drain_timeout = "10s"
# Threads that compute password hashes (0: one for each core), and logins that may wait for them.
# login_workers = 0
# login_queue = 128
# Threads for renewals and logouts, and requests that may wait for them. In each queue users, or the addresses
# of strangers, take turns.
# request_workers = 2
# request_queue = 1024
# Certificates that one login and one user (in all logins) are given within half a certificate's life.
# certificates_per_session = 256
# certificates_per_user = 5000
# What strangers are refused has an audit record of its own up to so many times at once and a minute.
# refusals_recorded = 6000

# What people see after they log in: the gateways and the services behind them. A service whose PostgreSQL has its
# certificate from here (`postern-ca token create --service NAME`) is listed by that; the others are written down.
# Nothing else opens without --passthrough, whatever a gateway says. `postern-ca check-config` shows the list.
#
# [[gateway]]
# name = "gw1"
# address = "gw1.example.org:7443"
#
# [[service]]
# name = "orders-db"
# # What is not PostgreSQL is passed through:
# # protocol = "tcp"
# # mode = "passthrough"
# # When its PostgreSQL has a certificate of another CA: the DNS name on it.
# # server_name = "orders.example.org"
# # When its pg_ident.conf maps login names to other database users:
# # user_map = true
)",
        listen, fmt::join(quoted_names, ", "), trust_domain);
}

}  // namespace postern::ca

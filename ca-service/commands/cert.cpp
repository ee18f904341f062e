// The command postern-ca cert: lists and revokes certificates.

#include <algorithm>
#include <array>
#include <optional>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "base/printed.hpp"
#include "ca-service/commands/command.hpp"
#include "ca-service/commands/reach.hpp"
#include "ca-service/commands/table.hpp"
#include "ca-service/revocation.hpp"
#include "ca-service/store/certificates.hpp"
#include "ca-service/store/tokens.hpp"
#include "pki/identity.hpp"

namespace postern::ca::commands {

namespace {

struct Reason {
    pki::RevocationReason reason;
    const char* name;
};
constexpr std::array<Reason, 6> kReasons{
    {{pki::RevocationReason::unspecified, "unspecified"},
     {pki::RevocationReason::key_compromise, "key_compromise"},
     {pki::RevocationReason::affiliation_changed, "affiliation_changed"},
     {pki::RevocationReason::superseded, "superseded"},
     {pki::RevocationReason::cessation_of_operation, "cessation_of_operation"},
     {pki::RevocationReason::privilege_withdrawn, "privilege_withdrawn"}}};

const char* name_of(pki::RevocationReason reason) {
    for (const Reason& known : kReasons) {
        if (known.reason == reason) {
            return known.name;
        }
    }
    return "unspecified";
}

struct CertificateOptions {
    std::string serial;
    std::string user;
    std::string session;
    std::string reason = "unspecified";
    bool is_all = false;
    bool is_servers = false;
    bool is_json = false;
    bool is_not_waiting = false;
};

std::string short_time(SystemTime time) {
    return format_time(time).substr(0, 19) + "Z";
}

std::string state_of(const store::IssuedCertificate& certificate, SystemTime now) {
    if (certificate.revocation) {
        return fmt::format("revoked ({})", name_of(certificate.revocation->reason));
    }
    return certificate.not_after <= now ? "expired" : "valid";
}

nlohmann::json to_json(const store::IssuedCertificate& certificate, SystemTime now) {
    nlohmann::json told{{"serial", certificate.serial},
                        {"user", certificate.user},
                        {"session", certificate.session_id},
                        {"issued", format_time(certificate.issued_at)},
                        {"not_before", format_time(certificate.not_before)},
                        {"not_after", format_time(certificate.not_after)},
                        {"state", certificate.revocation ? "revoked" : state_of(certificate, now)},
                        {"revoked", nullptr},
                        {"reason", nullptr}};
    if (certificate.revocation) {
        told["revoked"] = format_time(certificate.revocation->at);
        told["reason"] = name_of(certificate.revocation->reason);
    }
    return told;
}

bool holds_all(const std::vector<std::string>& names, const std::vector<std::string>& others) {
    return std::ranges::all_of(
        others, [&](const std::string& other) { return std::ranges::find(names, other) != names.end(); });
}

/// Returns whether the server that was given `one` has the newer certificate instead. A gateway has its name
/// for itself. A service may be several servers, and a server several services: it is the same server where
/// the two certificates have a service in common, and one has all other names of the other.
bool is_replaced_by(const store::ServerCertificate& one, const store::ServerCertificate& newer) {
    if (one.kind != newer.kind || newer.issued_at <= one.issued_at) {
        return false;
    }
    if (one.kind != store::kind_name(pki::ServerKind::service)) {
        return one.name == newer.name;
    }
    const std::vector<std::string> services = newer.names();
    const bool has_one_in_common = std::ranges::any_of(one.names(), [&](const std::string& service) {
        return std::ranges::find(services, service) != services.end();
    });
    return has_one_in_common && (holds_all(newer.dns_names, one.dns_names) || holds_all(one.dns_names, newer.dns_names));
}

CommandResult<void> list_servers(store::Database& database, const CertificateOptions& options) {
    const auto certificates = store::list_server_certificates(database);
    if (!certificates) {
        return command_error("cannot list the certificates", certificates.error());
    }
    const SystemTime now = system_clock()();
    const auto state = [&](const store::ServerCertificate& certificate) {
        if (certificate.not_after <= now) {
            return "expired";
        }
        const bool is_replaced = std::ranges::any_of(*certificates, [&](const store::ServerCertificate& other) {
            return is_replaced_by(certificate, other);
        });
        return is_replaced ? "replaced" : "valid";
    };
    if (options.is_json) {
        nlohmann::json listed = nlohmann::json::array();
        for (const store::ServerCertificate& certificate : *certificates) {
            listed.push_back({{"serial", certificate.serial},
                              {"kind", certificate.kind},
                              {"name", certificate.name},
                              {"names", certificate.names()},
                              {"dns", certificate.dns_names},
                              {"issued", format_time(certificate.issued_at)},
                              {"not_after", format_time(certificate.not_after)},
                              {"state", state(certificate)}});
        }
        say_json(nlohmann::json{{"server_certificates", std::move(listed)}}, 2);
        return {};
    }
    if (certificates->empty()) {
        say("No server has a certificate yet. Begin with: postern-ca token create --gateway NAME --dns "
            "HOST\n");
        return {};
    }
    std::vector<std::vector<std::string>> rows;
    for (const store::ServerCertificate& certificate : *certificates) {
        rows.push_back({certificate.serial, certificate.kind,
                        fmt::format("{}", fmt::join(certificate.names(), ", ")),
                        fmt::format("{}", fmt::join(certificate.dns_names, ", ")),
                        short_time(certificate.not_after), state(certificate)});
    }
    print_table({"SERIAL", "KIND", "NAME", "DNS", "NOT AFTER", "STATE"}, rows);
    return {};
}

CommandResult<void> list_certificates(const CommandLine& line, const CertificateOptions& options) {
    auto database = open_store(line);
    if (!database) {
        return database.error();
    }
    if (options.is_servers) {
        return list_servers(*database, options);
    }
    const SystemTime now = system_clock()();
    store::CertificateFilter filter;
    filter.user = options.user;
    if (!options.is_all) {
        filter.live_at = now;
    }
    const auto certificates = store::list_certificates(*database, filter);
    if (!certificates) {
        return command_error("cannot list the certificates", certificates.error());
    }
    if (options.is_json) {
        nlohmann::json listed = nlohmann::json::array();
        for (const store::IssuedCertificate& certificate : *certificates) {
            listed.push_back(to_json(certificate, now));
        }
        say_json(nlohmann::json{{"certificates", std::move(listed)}}, 2);
        return {};
    }
    if (certificates->empty()) {
        say("No {}login certificates{}.\n", options.is_all ? "" : "valid ",
            options.user.empty() ? "" : " of " + options.user);
        return {};
    }
    std::vector<std::vector<std::string>> rows;
    for (const store::IssuedCertificate& certificate : *certificates) {
        rows.push_back({certificate.serial, certificate.user, short_time(certificate.issued_at),
                        short_time(certificate.not_after), state_of(certificate, now),
                        certificate.session_id});
    }
    print_table({"SERIAL", "USER", "ISSUED", "NOT AFTER", "STATE", "SESSION"}, rows);
    return {};
}

/// Normalizes a serial number that was pasted from openssl or a browser: upper case, with colons.
std::string normalized_serial(const std::string& text) {
    std::string serial;
    for (const char c : text) {
        if (c != ':' && c != ' ') {
            serial += c >= 'A' && c <= 'F' ? static_cast<char>(c - 'A' + 'a') : c;
        }
    }
    return serial;
}

CommandResult<void> revoke(const CommandLine& line, const CertificateOptions& options) {
    const int named =
        (options.serial.empty() ? 0 : 1) + (options.user.empty() ? 0 : 1) + (options.session.empty() ? 0 : 1);
    if (named != 1) {
        return CommandError{Exit::usage, "name one thing to revoke",
                            "say SERIAL, --user NAME or --session ID"};
    }
    auto administration = administer(line);
    if (!administration) {
        return administration.error();
    }
    store::Revocation revocation{administration->clock(), pki::RevocationReason::unspecified};
    for (const Reason& known : kReasons) {
        if (options.reason == known.name) {
            revocation.reason = known.reason;
        }
    }
    store::Database& database = administration->database;
    audit::Log& audit = *administration->audit;
    const Actor& actor = administration->actor;
    const auto revoked =
        !options.serial.empty()
            ? revoke_by_serial(database, audit, actor, normalized_serial(options.serial), revocation)
            : (!options.user.empty() ? revoke_by_user(database, audit, actor, options.user, revocation)
                                     : end_session(database, audit, actor, options.session, revocation));
    if (!revoked) {
        return command_error("cannot revoke", revoked.error());
    }
    RevocationTold telling{.is_json = options.is_json, .is_not_waiting = options.is_not_waiting};
    telling.nothing = "There was nothing left to revoke: it has expired, or was revoked before.\n";
    telling.done = fmt::format(
        "Revoked {} certificate{} and ended {} session{}. Gateways cut live connections within seconds.\n",
        revoked->certificates, revoked->certificates == 1 ? "" : "s", revoked->sessions,
        revoked->sessions == 1 ? "" : "s");
    const bool has_told = tell_of_revocation(*administration, *revoked, std::move(telling));
    if (has_told && !options.user.empty()) {
        say("{0} may log in again; to prevent that: postern-ca user disable {0}\n", options.user);
    }
    return {};
}

}  // namespace

void add_cert(CLI::App& app, CommandLine& line) {
    CLI::App* cert = add_command(app, "cert", "List and revoke certificates");
    cert->require_subcommand(1);
    auto options = std::make_shared<CertificateOptions>();

    CLI::App* listing = add_command(*cert, "list", "List the login certificates that are valid now");
    listing->add_option("--user", options->user, "Only those of this user")->type_name("NAME");
    listing->add_flag("--all", options->is_all, "Expired and revoked ones too (kept for 30 days)");
    listing->add_flag("--servers", options->is_servers, "Those of gateways and PostgreSQL servers instead");
    listing->add_flag("--json", options->is_json, "Print JSON");
    listing->callback(
        [&line, options] { line.run = [&line, options] { return list_certificates(line, *options); }; });

    CLI::App* revoking = add_command(*cert, "revoke",
                                     "Revoke: gateways refuse it and cut what is open within seconds.\n"
                                     "The login session that a certificate belongs to ends with it");
    revoking->add_option("serial", options->serial, "The serial number, as cert list or openssl print it")
        ->type_name("");
    revoking->add_option("--user", options->user, "Everything of this user")->type_name("NAME");
    revoking->add_option("--session", options->session, "Everything of this login session")->type_name("ID");
    std::vector<std::string> words;
    for (const Reason& known : kReasons) {
        words.emplace_back(known.name);
    }
    revoking->add_option("--reason", options->reason, "Why, for the CRL and the audit log")
        ->check(CLI::IsMember(words))
        ->capture_default_str();
    add_no_wait(revoking, options->is_not_waiting);
    revoking->add_flag("--json", options->is_json, "Print JSON");
    revoking->callback([&line, options] { line.run = [&line, options] { return revoke(line, *options); }; });
}

}  // namespace postern::ca::commands

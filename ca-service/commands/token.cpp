// The command postern-ca token: one-time tokens that a gateway or a PostgreSQL server trades for its
// certificate.

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "base/duration.hpp"
#include "base/printed.hpp"
#include "ca-service/authority.hpp"
#include "ca-service/commands/command.hpp"
#include "ca-service/commands/table.hpp"
#include "ca-service/issuance.hpp"
#include "ca-service/server_name.hpp"
#include "ca-service/store/certificates.hpp"
#include "ca-service/store/tokens.hpp"
#include "pki/digest.hpp"
#include "pki/identity.hpp"
#include "pki/issuer.hpp"

namespace postern::ca::commands {

namespace {

constexpr std::chrono::hours kLongestLife{24 * 7};
/// How many digits of the hash lists and records show as the token's id.
constexpr std::size_t kIdDigits = 12;

struct TokenOptions {
    std::string gateway;
    std::vector<std::string> services;
    std::vector<std::string> dns_names;
    bool is_renewal = false;
    std::string lifetime = "1h";
    std::string id;
    bool is_json = false;
};

/// Returns what a certificate is asked for: the name of one gateway, or those of the services of one
/// PostgreSQL server, and the DNS names.
CommandResult<ServerSubject> subject_of(const TokenOptions& options) {
    if (options.gateway.empty() == options.services.empty()) {
        return CommandError{Exit::usage,
                            "a token is for one gateway, or for the services of one PostgreSQL server",
                            "say --gateway NAME or --service NAME"};
    }
    ServerSubject subject;
    subject.kind = options.gateway.empty() ? pki::ServerKind::service : pki::ServerKind::gateway;
    for (const std::string& name :
         options.gateway.empty() ? options.services : std::vector<std::string>{options.gateway}) {
        if (!pki::is_resource_name(name)) {
            return CommandError{Exit::usage, fmt::format("'{}' is no name for a gateway or a service", name),
                                "use 1 to 63 letters, digits and . _ -"};
        }
        if (std::find(subject.names.begin(), subject.names.end(), name) == subject.names.end()) {
            subject.names.push_back(name);
        }
    }
    if (subject.names.size() > pki::kMostServices) {
        return CommandError{
            Exit::usage, fmt::format("a certificate is for {} services at most", pki::kMostServices),
            fmt::format("{} were given; a PostgreSQL server with more needs two certificates, and "
                        "so two clusters",
                        subject.names.size())};
    }
    subject.dns_names = options.dns_names;
    for (const std::string& dns_name : subject.dns_names) {
        if (!is_server_name(dns_name)) {
            return CommandError{Exit::usage,
                                fmt::format("'{}' is neither a DNS name nor an IP address", dns_name),
                                "--dns takes a name by which clients reach the server"};
        }
    }
    if (subject.dns_names.size() > pki::kMostServerNames) {
        return CommandError{Exit::usage,
                            fmt::format("a certificate holds {} names at most", pki::kMostServerNames),
                            fmt::format("{} were given; leave out some --dns", subject.dns_names.size())};
    }
    if (subject.dns_names.empty() && !options.is_renewal) {
        return CommandError{Exit::usage, "a certificate needs a name by which the server is reached",
                            "say --dns HOST; or --renew, for what the certificate of that name has now"};
    }
    return subject;
}

CommandResult<std::chrono::milliseconds> lifetime_of(const TokenOptions& options) {
    const auto lifetime = parse_duration(options.lifetime);
    if (!lifetime || *lifetime <= std::chrono::milliseconds(0) || *lifetime > kLongestLife) {
        return CommandError{Exit::usage, fmt::format("'{}' is no lifetime for a token", options.lifetime),
                            "--ttl takes a time such as 30m, 1h or 2d, at most 7d"};
    }
    return *lifetime;
}

/// Adds what the newest certificate of that gateway or service has: a server that is enrolled again must not
/// cease to be its other services.
CommandResult<void> add_what_it_has(const CommandLine& line, ServerSubject& subject) {
    auto database = open_store(line);
    if (!database) {
        return database.error();
    }
    const auto certificates = store::list_server_certificates(*database);
    if (!certificates) {
        return command_error("cannot list the certificates", certificates.error());
    }
    const std::string kind(store::kind_name(subject.kind));
    const auto add = [](std::vector<std::string>& to, const std::vector<std::string>& more) {
        for (const std::string& one : more) {
            if (std::find(to.begin(), to.end(), one) == to.end()) {
                to.push_back(one);
            }
        }
    };
    // What the options add comes behind what there is.
    ServerSubject renewed;
    renewed.kind = subject.kind;
    for (const std::string& name : subject.names) {
        const auto newest = std::find_if(
            certificates->begin(), certificates->end(), [&](const store::ServerCertificate& candidate) {
                const auto names = candidate.names();
                return candidate.kind == kind && std::find(names.begin(), names.end(), name) != names.end();
            });
        if (newest != certificates->end()) {
            add(renewed.names, newest->names());
            add(renewed.dns_names, newest->dns_names);
        }
    }
    if (renewed.names.empty()) {
        return CommandError{
            Exit::failed, fmt::format("no {} {} has a certificate", kind, subject.names.front()),
            "postern-ca cert list --servers shows those that have; without --renew, say --dns HOST"};
    }
    add(renewed.names, subject.names);
    add(renewed.dns_names, subject.dns_names);
    subject = std::move(renewed);
    return {};
}

std::string id_of(const store::EnrolmentToken& token) {
    return token.hash.substr(0, kIdDigits);
}

void describe(audit::Record& record, const store::EnrolmentToken& token) {
    record.extra["postern"]["server"] = {
        {"kind", store::kind_name(token.kind)}, {"name", token.name}, {"names", token.dns_names}};
    if (!token.more_services.empty()) {
        record.extra["postern"]["server"]["more_services"] = token.more_services;
    }
    record.extra["postern"]["token"] = {{"id", id_of(token)}, {"expires", format_time(token.expires_at)}};
}

void tell(const store::EnrolmentToken& stored, const Secret& token, const std::string& trust_domain,
          const std::string& url, const std::string& pin) {
    const std::string kind(store::kind_name(stored.kind));
    say("{}\n\n", token.reveal());
    say("Good for one certificate of {}{} {} ({}), until {}. It is not shown again.\n", kind,
        stored.more_services.empty() ? "" : "s", fmt::format("{}", fmt::join(stored.names(), ", ")),
        fmt::format("{}", fmt::join(stored.dns_names, ", ")),
        format_time(stored.expires_at).substr(0, 19) + "Z");
    if (stored.kind == pki::ServerKind::gateway) {
        say("On the gateway, which asks for it:\n  postern-gateway enroll --ca {} --fingerprint {}\n", url,
            pin);
        return;
    }
    say("On the PostgreSQL server, which asks for it:\n  postern-ca enroll --ca {} --fingerprint {} \\\n"
        "    --out-cert server.pem --out-key server.key --out-user-ca user-ca.pem --owner postgres\n",
        url, pin);
    for (const std::string& service : stored.names()) {
        if (const std::string host = pki::service_host(trust_domain, service); !host.empty()) {
            say("Programs with TLS of their own verify it as {}.\n", host);
        }
    }
}

nlohmann::json to_json(const store::EnrolmentToken& token) {
    return {{"id", id_of(token)},     {"kind", store::kind_name(token.kind)},
            {"name", token.name},     {"names", token.names()},
            {"dns", token.dns_names}, {"expires", format_time(token.expires_at)}};
}

CommandResult<void> create(const CommandLine& line, const TokenOptions& options) {
    auto subject = subject_of(options);
    if (!subject) {
        return subject.error();
    }
    const auto lifetime = lifetime_of(options);
    if (!lifetime) {
        return lifetime.error();
    }
    const auto config = load_config(line);
    if (!config) {
        return config.error();
    }
    if (options.is_renewal) {
        if (auto added = add_what_it_has(line, *subject); !added) {
            return added;
        }
    }
    if (const auto allowed = may_bear(*subject, config->trust_domain); !allowed) {
        return CommandError{Exit::usage, allowed.error().detail,
                            "the CA gives that name to the service by itself; leave it out"};
    }
    auto administration = administer(line);
    if (!administration) {
        return administration.error();
    }
    const Secret token = pki::random_token(32);
    store::EnrolmentToken stored;
    stored.hash = store::token_hash(token);
    stored.kind = subject->kind;
    stored.name = subject->names.front();
    stored.more_services.assign(subject->names.begin() + 1, subject->names.end());
    stored.dns_names = subject->dns_names;
    stored.created_at = administration->clock();
    stored.expires_at = stored.created_at + *lifetime;
    audit::Record record = record_of(administration->actor, "admin.token_created");
    describe(record, stored);
    auto applied = administration->apply("cannot make the token", record, [&](store::Database& database) {
        return store::add_token(database, stored);
    });
    if (!applied) {
        return applied;
    }
    if (options.is_json) {
        nlohmann::json told = to_json(stored);
        told["token"] = std::string(token.reveal());
        say_json(told);
        return {};
    }
    const std::string url = https_url(config->names.front(), config->listen.port);
    const auto pin = server_root_pin(line.directory);
    if (!pin) {
        return command_error("cannot read the server root", pin.error());
    }
    tell(stored, token, config->trust_domain, url, *pin);
    return {};
}

std::string_view state_of(const store::EnrolmentToken& token, SystemTime now) {
    if (token.used_at) {
        return "used";
    }
    return token.expires_at <= now ? "expired" : "open";
}

CommandResult<void> list_tokens(const CommandLine& line, const TokenOptions& options) {
    auto database = open_store(line);
    if (!database) {
        return database.error();
    }
    const auto tokens = store::list_tokens(*database);
    if (!tokens) {
        return command_error("cannot list the tokens", tokens.error());
    }
    const SystemTime now = system_clock()();
    if (options.is_json) {
        nlohmann::json listed = nlohmann::json::array();
        for (const store::EnrolmentToken& token : *tokens) {
            nlohmann::json told = to_json(token);
            told["state"] = state_of(token, now);
            told["created"] = format_time(token.created_at);
            told["used"] = token.used_at ? nlohmann::json(format_time(*token.used_at)) : nlohmann::json();
            listed.push_back(std::move(told));
        }
        say_json(nlohmann::json{{"tokens", std::move(listed)}}, 2);
        return {};
    }
    if (tokens->empty()) {
        say("There are no tokens. Make one: postern-ca token create --gateway NAME --dns HOST\n");
        return {};
    }
    std::vector<std::vector<std::string>> rows;
    for (const store::EnrolmentToken& token : *tokens) {
        rows.push_back({id_of(token), std::string(store::kind_name(token.kind)),
                        fmt::format("{}", fmt::join(token.names(), ", ")),
                        fmt::format("{}", fmt::join(token.dns_names, ", ")),
                        std::string(state_of(token, now)),
                        format_time(token.expires_at).substr(0, 19) + "Z"});
    }
    print_table({"ID", "KIND", "NAME", "DNS", "STATE", "EXPIRES"}, rows);
    return {};
}

/// Returns the one token whose id begins with `id` and that was not used.
CommandResult<store::EnrolmentToken> find_token(store::Database& database, const std::string& id) {
    const CommandError unknown{Exit::failed, fmt::format("there is no token {}", id),
                               "postern-ca token list shows the ids of those that there are"};
    const auto tokens = store::list_tokens(database);
    if (!tokens) {
        return command_error("cannot find the token", tokens.error());
    }
    const store::EnrolmentToken* found = nullptr;
    for (const store::EnrolmentToken& token : *tokens) {
        if (id.empty() || !token.hash.starts_with(id)) {
            continue;
        }
        if (found != nullptr) {
            return CommandError{Exit::usage, fmt::format("more than one token begins with {}", id),
                                "give all of its id"};
        }
        found = &token;
    }
    if (found == nullptr) {
        return unknown;
    }
    if (found->used_at) {
        return CommandError{
            Exit::failed,
            fmt::format("the token {} for {} {} was used at {}", id_of(*found), store::kind_name(found->kind),
                        found->name, format_time(*found->used_at).substr(0, 19) + "Z"),
            "it opens nothing any more; what was enrolled with it is in: postern-ca cert list --servers"};
    }
    return *found;
}

CommandResult<void> withdraw(const CommandLine& line, const TokenOptions& options) {
    auto administration = administer(line);
    if (!administration) {
        return administration.error();
    }
    const auto token = find_token(administration->database, options.id);
    if (!token) {
        return token.error();
    }
    audit::Record record = record_of(administration->actor, "admin.token_withdrawn");
    describe(record, *token);
    auto applied = administration->apply("cannot withdraw the token", record, [&](store::Database& database) {
        return store::withdraw_token(database, token->hash);
    });
    if (!applied) {
        return applied;
    }
    if (options.is_json) {
        const nlohmann::json told{{"id", id_of(*token)},
                                  {"kind", store::kind_name(token->kind)},
                                  {"name", token->name},
                                  {"withdrawn", true}};
        say_json(told);
        return {};
    }
    say("Withdrew the token {} for {} {}: nobody can redeem it any more.\n", id_of(*token),
        store::kind_name(token->kind), token->name);
    return {};
}

}  // namespace

void add_token(CLI::App& app, CommandLine& line) {
    CLI::App* token = add_command(
        app, "token", "One-time tokens by which gateways and PostgreSQL servers get certificates");
    token->require_subcommand(1);
    auto options = std::make_shared<TokenOptions>();

    CLI::App* creating = add_command(*token, "create", "Make a token; it is printed once");
    auto* gateway = creating->add_option("--gateway", options->gateway, "For the gateway of this name")
                        ->type_name("NAME");
    creating
        ->add_option("--service", options->services,
                     "For the PostgreSQL server of this service; repeated, for one server of several")
        ->type_name("NAME")
        ->allow_extra_args(false)
        ->excludes(gateway);
    creating
        ->add_option("--dns", options->dns_names,
                     "DNS name or IP address in the certificate; may be repeated")
        ->type_name("DNS|IP")
        ->allow_extra_args(false);
    creating->add_flag("--renew", options->is_renewal,
                       "Also for all services, DNS names and addresses of its newest certificate");
    creating->add_option("--ttl", options->lifetime, "How long it can be redeemed")
        ->type_name("TIME")
        ->capture_default_str();
    creating->add_flag("--json", options->is_json, "Print JSON");
    creating->callback([&line, options] { line.run = [&line, options] { return create(line, *options); }; });

    CLI::App* listing =
        add_command(*token, "list", "List tokens: open, used, expired (never the tokens themselves)");
    listing->add_flag("--json", options->is_json, "Print JSON");
    listing->callback(
        [&line, options] { line.run = [&line, options] { return list_tokens(line, *options); }; });

    CLI::App* withdrawing = add_command(*token, "withdraw", "Take back a token that was not used");
    withdrawing->add_option("ID", options->id, "As token list shows it")->required();
    withdrawing->add_flag("--json", options->is_json, "Print JSON");
    withdrawing->callback(
        [&line, options] { line.run = [&line, options] { return withdraw(line, *options); }; });
}

}  // namespace postern::ca::commands

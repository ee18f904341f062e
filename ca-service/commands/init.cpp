// postern-ca init: both authorities, the store, the audit key and a commented configuration, or nothing.

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/file.hpp"
#include "ca-service/authority.hpp"
#include "ca-service/commands/command.hpp"
#include "ca-service/commands/init_marker.hpp"
#include "ca-service/server_name.hpp"
#include "pki/identity.hpp"

namespace postern::ca::commands {

namespace {

struct InitOptions {
    std::vector<std::string> names;
    std::string trust_domain;
    std::string listen = "127.0.0.1:7444";
    bool is_json = false;
};

/// "ca.example.org" -> "example.org"; a name without a domain stands for itself.
std::string trust_domain_of(const std::vector<std::string>& names) {
    for (const std::string& candidate : names) {
        const std::size_t dot = candidate.find('.');
        std::string domain = dot == std::string::npos || candidate.find('.', dot + 1) == std::string::npos
                                 ? candidate
                                 : candidate.substr(dot + 1);
        for (char& c : domain) {
            c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
        }
        const bool is_address = candidate.find_first_not_of("0123456789.") == std::string::npos ||
                                candidate.find(':') != std::string::npos;
        if (!is_address && pki::is_trust_domain(domain)) {
            return domain;
        }
    }
    return "postern.internal";
}

Outcome<void> check(const InitOptions& options) {
    for (const std::string& name : options.names) {
        if (!is_server_name(name)) {
            return Ending{Exit::usage, fmt::format("'{}' is neither a DNS name nor an IP address", name),
                          "--name takes what people will write in https://NAME:7444"};
        }
    }
    if (!pki::is_trust_domain(options.trust_domain)) {
        return Ending{Exit::usage, fmt::format("'{}' is no trust domain", options.trust_domain),
                      "--trust-domain takes a name in lower-case DNS form, for example example.org"};
    }
    if (auto address = net::parse_address(options.listen); !address || address->is_unix) {
        return Ending{Exit::usage, fmt::format("'{}' is no address to listen on", options.listen),
                      "--listen takes HOST:PORT, for example 0.0.0.0:7444"};
    }
    return {};
}

/// Everything but the marker. The store comes last: with it the folder counts as a CA.
Result<void> build(const std::filesystem::path& directory, const InitOptions& options) {
    if (auto made = create_authorities(directory, options.trust_domain, system_clock()()); !made) {
        return made;
    }
    const std::string config = initial_config(options.listen, options.names, options.trust_domain);
    if (auto written = write_file(directory / "ca.toml", config, 0600); !written) {
        return written;
    }
    auto parsed = Config::load(directory / "ca.toml", directory);
    if (!parsed) {
        return with_context("the configuration that was written", parsed.error());
    }
    {
        auto database = store::Database::open(directory / "state.db");
        if (!database) {
            return database.error();
        }
    }
    audit::LogOptions log;
    log.file = parsed->audit_file;
    log.key_file = parsed->audit_key;
    log.sharing = audit::Sharing::shared;
    log.program = "postern-ca";
    auto audit = audit::Log::open(std::move(log), system_clock());
    if (!audit) {
        return audit.error();
    }
    audit::Record record = record_of(Actor::local_administrator(), "admin.ca_created");
    record.extra["postern"]["ca"] = {{"trust_domain", options.trust_domain}, {"names", options.names}};
    return (*audit)->append(record);
}

Outcome<void> init(const CommandLine& line, InitOptions options) {
    if (options.trust_domain.empty()) {
        options.trust_domain = trust_domain_of(options.names);
    }
    if (auto checked = check(options); !checked) {
        return checked;
    }
    auto marker = InitMarker::begin(line.directory);
    if (!marker && marker.error().code == Code::already_exists) {
        return Ending{
            Exit::failed, marker.error().detail,
            "nothing was changed; name an empty folder with --dir DIR, or use the CA that is there"};
    }
    if (!marker) {
        return ending_of("cannot make a CA", marker.error());
    }
    if (auto built = build(line.directory, options); !built) {
        return ending_of("cannot make the CA", built.error());
    }
    if (auto finished = marker->finish(); !finished) {
        return ending_of("cannot make the CA", finished.error());
    }
    const auto pin = server_root_pin(line.directory);
    if (!pin) {
        return ending_of("cannot read the new CA", pin.error());
    }
    const auto address = net::parse_address(options.listen);
    const std::string url = https_url(options.names.front(), address->port);
    if (options.is_json) {
        const nlohmann::json told{{"directory", line.directory.string()},
                                  {"fingerprint", *pin},
                                  {"trust_domain", options.trust_domain},
                                  {"url", url}};
        fmt::print("{}\n", told.dump());
        return {};
    }
    const bool is_default = line.directory == "/var/lib/postern-ca";
    const std::string program =
        is_default ? "postern-ca" : fmt::format("postern-ca --dir {}", line.directory.string());
    fmt::print(
        "A new CA in {}\n"
        "  trust domain  {}\n"
        "  address       {}\n"
        "  fingerprint   {}\n"
        "\n"
        "Next:\n"
        "  {} user add alice --group analysts\n"
        "  {} serve                     (or: systemctl enable --now postern-ca)\n"
        "  postern login --ca {} --fingerprint {}\n"
        "\n"
        "Take user-root.key and server-root.key off this machine when you can: only a new issuing\n"
        "certificate will need them.\n",
        line.directory.string(), options.trust_domain, url, *pin, program, program, url, *pin);
    return {};
}

}  // namespace

void add_init(CLI::App& app, CommandLine& line) {
    CLI::App* command = add_command(app, "init", "Make a new CA: keys, certificates, store, configuration");
    auto options = std::make_shared<InitOptions>();
    command
        ->add_option("--name", options->names,
                     "DNS name or IP address by which desktops and gateways reach the CA; may be repeated")
        ->required()
        ->type_name("DNS|IP")
        ->allow_extra_args(false);
    command
        ->add_option("--trust-domain", options->trust_domain,
                     "The domain in every certificate's SPIFFE URI (default: the domain of the first name)")
        ->type_name("DOMAIN");
    command->add_option("--listen", options->listen, "Where serve listens")
        ->type_name("HOST:PORT")
        ->capture_default_str();
    command->add_flag("--json", options->is_json, "Print what was made as JSON");
    command->callback([&line, options] { line.run = [&line, options] { return init(line, *options); }; });
}

}  // namespace postern::ca::commands

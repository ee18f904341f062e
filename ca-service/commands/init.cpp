// The command postern-ca init: makes both authorities, the store, the audit key and a commented
// configuration, or nothing.

#include <unistd.h>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/file.hpp"
#include "base/printed.hpp"
#include "ca-service/authority.hpp"
#include "ca-service/change_log.hpp"
#include "ca-service/commands/command.hpp"
#include "ca-service/commands/init_marker.hpp"
#include "ca-service/server_name.hpp"
#include "ca-service/store/changes.hpp"
#include "pki/identity.hpp"

namespace postern::ca::commands {

namespace {

struct InitOptions {
    std::vector<std::string> names;
    std::string trust_domain;
    std::string listen = "127.0.0.1:7444";
    bool is_json = false;
};

/// Returns the trust domain that the first suitable name gives: "example.org" for "ca.example.org", and a
/// name with at most one dot for itself. Returns "postern.internal" where no name is suitable.
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

CommandResult<void> check(const InitOptions& options) {
    for (const std::string& name : options.names) {
        if (!is_server_name(name)) {
            return CommandError{Exit::usage,
                                fmt::format("'{}' is neither a DNS name nor an IP address", name),
                                "--name takes what people will write in https://NAME:7444"};
        }
    }
    if (!pki::is_trust_domain(options.trust_domain)) {
        return CommandError{Exit::usage, fmt::format("'{}' is no trust domain", options.trust_domain),
                            "--trust-domain takes a name in lower-case DNS form, for example example.org"};
    }
    const auto address = net::parse_address(options.listen);
    if (!address || address->is_unix || !net::is_listenable(*address)) {
        return CommandError{Exit::usage, fmt::format("'{}' is no address to listen on", options.listen),
                            "--listen takes an IP address and a port, for example 0.0.0.0:7444"};
    }
    return {};
}

/// Returns where the configuration of a new CA goes. Root's CA in its usual place has it apart from the
/// folder that will be the service's.
std::filesystem::path place_of_config(const CommandLine& line) {
    const bool is_usual = line.config_file.empty() && line.directory == kDefaultDirectory && ::geteuid() == 0;
    return is_usual ? std::filesystem::path(kDefaultConfig) : line.config();
}

/// Writes the configuration, which everybody may read: the service reads it as a user of its own, and nothing
/// in it is secret.
Result<void> write_config(const std::filesystem::path& file, const std::string& text) {
    const std::filesystem::path folder = file.parent_path();
    std::error_code error;
    if (!folder.empty() && !std::filesystem::exists(folder, error)) {
        if (auto made = create_directory(folder, 0755); !made) {
            return made;
        }
        // The umask has closed the folder.
        std::filesystem::permissions(folder, static_cast<std::filesystem::perms>(0755), error);
    }
    return write_file(file, text, 0644);
}

/// Makes everything but the marker. The store comes late, because with it the folder counts as a CA.
Result<void> build(const std::filesystem::path& directory, const std::filesystem::path& config_file,
                   const InitOptions& options) {
    if (auto made = create_authorities(directory, options.trust_domain, system_clock()()); !made) {
        return made;
    }
    const std::string config = initial_config(options.listen, options.names, options.trust_domain);
    auto parsed = Config::parse(config, config_file, directory);
    if (!parsed) {
        return with_context("the configuration that was written", parsed.error());
    }
    {
        auto database = store::Database::open(directory / "state.db");
        if (!database) {
            return database.error();
        }
        // The log of a CA that was here before may be further than this new store.
        const auto logged = newest_logged_change(parsed->audit_file);
        if (!logged) {
            return logged.error();
        }
        if (auto set = store::set_change_counter(*database, logged->value_or(0)); !set) {
            return set;
        }
    }
    auto audit = audit::Log::open(parsed->audit_log(), system_clock());
    if (!audit) {
        return audit.error();
    }
    audit::Record record = record_of(Actor::local_administrator(), "admin.ca_created");
    record.extra["postern"]["ca"] = {{"trust_domain", options.trust_domain}, {"names", options.names}};
    if (auto recorded = (*audit)->append(record); !recorded) {
        return recorded;
    }
    return write_config(config_file, config);
}

CommandResult<void> init(const CommandLine& line, InitOptions options) {
    if (options.trust_domain.empty()) {
        options.trust_domain = trust_domain_of(options.names);
    }
    if (auto checked = check(options); !checked) {
        return checked;
    }
    if (auto made = create_directory(line.directory, 0700); !made) {
        return command_error("cannot make a CA", made.error());
    }
    if (auto became = become_owner_of_folder(line); !became) {
        return became;
    }
    const std::filesystem::path config = place_of_config(line);
    std::error_code error;
    const bool is_apart =
        config.parent_path() != line.directory && !std::filesystem::exists(line.store(), error);
    if (is_apart && std::filesystem::exists(config, error) && !is_init_unfinished(line.directory)) {
        return CommandError{
            Exit::failed, fmt::format("{} is there already", config.string()),
            "nothing was changed; move it away, or say with --config FILE where the new one shall be"};
    }
    auto marker = InitMarker::begin(line.directory);
    if (!marker && marker.error().code == Code::already_exists) {
        return CommandError{
            Exit::failed, marker.error().detail,
            "nothing was changed; name an empty folder with --dir DIR, or use the CA that is there"};
    }
    if (!marker) {
        return command_error("cannot make a CA", marker.error());
    }
    if (auto built = build(line.directory, config, options); !built) {
        return command_error("cannot make the CA", built.error());
    }
    if (auto finished = marker->finish(); !finished) {
        return command_error("cannot make the CA", finished.error());
    }
    const auto pin = server_root_pin(line.directory);
    if (!pin) {
        return command_error("cannot read the new CA", pin.error());
    }
    const auto address = net::parse_address(options.listen);
    const std::string url = https_url(options.names.front(), address->port);
    if (options.is_json) {
        const nlohmann::json told{{"directory", line.directory.string()},
                                  {"config", config.string()},
                                  {"fingerprint", *pin},
                                  {"trust_domain", options.trust_domain},
                                  {"url", url}};
        say_json(told);
        return {};
    }
    const bool is_default = line.directory == kDefaultDirectory;
    const std::string program =
        is_default ? "postern-ca" : fmt::format("postern-ca --dir {}", line.directory.string());
    say("A new CA in {}\n"
        "  configuration {}\n"
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
        line.directory.string(), config.string(), options.trust_domain, url, *pin, program, program, url,
        *pin);
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

// The commands postern-ca check-config and postern-ca fingerprint.

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/printed.hpp"
#include "ca-service/authority.hpp"
#include "ca-service/catalogue.hpp"
#include "ca-service/commands/command.hpp"
#include "ca-service/commands/table.hpp"

namespace postern::ca::commands {

namespace {

std::string_view protocol_of(const CatalogueService& service) {
    return service.is_postgres ? "postgres" : "tcp";
}

std::string_view mode_of(const CatalogueService& service) {
    return service.is_passed_through ? "passthrough" : "end_to_end";
}

/// Returns the name that the agent demands of the server's certificate; empty where only the client looks at
/// it.
std::string proof_of(const CatalogueService& service) {
    if (service.is_passed_through) {
        return {};
    }
    return service.server_name ? *service.server_name : "service/" + service.name;
}

nlohmann::json told_of(const std::vector<ListedService>& services) {
    nlohmann::json told = nlohmann::json::array();
    for (const auto& [service, certified_until, is_in_config] : services) {
        const std::string proof = proof_of(service);
        told.push_back({{"name", service.name},
                        {"protocol", protocol_of(service)},
                        {"mode", mode_of(service)},
                        {"server", proof.empty() ? nlohmann::json() : nlohmann::json(proof)},
                        {"in_config", is_in_config},
                        {"certified_until", certified_until ? nlohmann::json(format_time(*certified_until))
                                                            : nlohmann::json()}});
    }
    return told;
}

void print_services(const std::vector<ListedService>& services) {
    if (services.empty()) {
        say("It lists no service yet. Enrol one (postern-ca token create --service NAME), or write a "
            "[[service]].\n");
        return;
    }
    std::vector<std::vector<std::string>> rows;
    for (const auto& [service, certified_until, is_in_config] : services) {
        std::string because = is_in_config ? "ca.toml" : "";
        if (certified_until) {
            because += fmt::format("{}certificate until {}Z", because.empty() ? "" : ", ",
                                   format_time(*certified_until).substr(0, 19));
        }
        rows.push_back({service.name, std::string(protocol_of(service)), std::string(mode_of(service)),
                        proof_of(service), because});
    }
    say("These services it lists to desktops; others open with --passthrough only:\n");
    print_table({"SERVICE", "PROTOCOL", "MODE", "SERVER PROVES", "LISTED BY"}, rows);
}

}  // namespace

void add_check_config(CLI::App& app, CommandLine& line) {
    CLI::App* command = add_command(
        app, "check-config", "Read the configuration and the keys as serve does, and say what is wrong");
    auto is_json = std::make_shared<bool>(false);
    command->add_flag("--json", *is_json, "Print JSON");
    command->callback([&line, is_json] {
        line.run = [&line, is_json]() -> CommandResult<void> {
            const auto config = load_config(line);
            if (!config) {
                return config.error();
            }
            if (auto initialized = check_initialized(line); !initialized) {
                return initialized;
            }
            const auto authority = Authority::load(line.directory);
            if (!authority) {
                return command_error("the CA's keys", authority.error());
            }
            auto database = open_store(line);
            if (!database) {
                return database.error();
            }
            const auto services = listed_services(*database, *config, system_clock()());
            if (!services) {
                return command_error("the services", services.error());
            }
            if (*is_json) {
                const nlohmann::json told{
                    {"file", line.config().string()}, {"good", true}, {"services", told_of(*services)}};
                say_json(told);
                return {};
            }
            say("{} is good.\n", line.config().string());
            print_services(*services);
            return {};
        };
    });
}

void add_fingerprint(CLI::App& app, CommandLine& line) {
    CLI::App* command = add_command(app, "fingerprint",
                                    "Print what postern login --fingerprint and enroll --fingerprint take");
    auto is_json = std::make_shared<bool>(false);
    command->add_flag("--json", *is_json, "Print JSON");
    command->callback([&line, is_json] {
        line.run = [&line, is_json]() -> CommandResult<void> {
            if (auto initialized = check_initialized(line); !initialized) {
                return initialized;
            }
            const auto pin = server_root_pin(line.directory);
            if (!pin) {
                return command_error("cannot read the server root", pin.error());
            }
            if (*is_json) {
                say_json(nlohmann::json{{"fingerprint", *pin}});
            } else {
                say("{}\n", *pin);
            }
            return {};
        };
    });
}

}  // namespace postern::ca::commands

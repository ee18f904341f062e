// postern-ca check-config and postern-ca fingerprint.

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "ca-service/authority.hpp"
#include "ca-service/commands/command.hpp"

namespace postern::ca::commands {

void add_check_config(CLI::App& app, CommandLine& line) {
    CLI::App* command = add_command(
        app, "check-config", "Read the configuration and the keys as serve does, and say what is wrong");
    auto is_json = std::make_shared<bool>(false);
    command->add_flag("--json", *is_json, "Print JSON");
    command->callback([&line, is_json] {
        line.run = [&line, is_json]() -> Outcome<void> {
            const auto config = load_config(line);
            if (!config) {
                return config.error();
            }
            if (auto initialized = check_initialized(line); !initialized) {
                return initialized;
            }
            const auto authority = Authority::load(line.directory);
            if (!authority) {
                return ending_of("the CA's keys", authority.error());
            }
            if (*is_json) {
                const nlohmann::json told{{"file", line.config().string()}, {"good", true}};
                fmt::print("{}\n", told.dump());
                return {};
            }
            fmt::print("{} is good.\n", line.config().string());
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
        line.run = [&line, is_json]() -> Outcome<void> {
            if (auto initialized = check_initialized(line); !initialized) {
                return initialized;
            }
            const auto pin = server_root_pin(line.directory);
            if (!pin) {
                return ending_of("cannot read the server root", pin.error());
            }
            fmt::print("{}\n", *is_json ? nlohmann::json{{"fingerprint", *pin}}.dump() : *pin);
            return {};
        };
    });
}

}  // namespace postern::ca::commands

#include <cstdio>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "client-proxy/agent/port_book.hpp"
#include "client-proxy/commands/commands.hpp"
#include "client-proxy/commands/terminal.hpp"
#include "client-proxy/login/login_source.hpp"
#include "client-proxy/tunnel/service_list.hpp"

namespace postern::client {

int show_services(bool as_json) {
    const auto path = ProfileFolder::default_path();
    const auto folder = path ? ProfileFolder::open(*path) : Result<ProfileFolder>(path.error());
    if (!folder) {
        return fail(local_refusal(folder.error()));
    }
    const auto login = good_login(*folder, system_clock()());
    if (!login) {
        return fail(login.error());
    }
    const auto services = list_services(*login, std::chrono::seconds(5));
    if (!services) {
        return fail(services.error());
    }
    const auto ports = PortBook::load(*folder);
    auto list = nlohmann::json::array();
    std::string text;
    for (const auto& service : *services) {
        const auto port = ports.find(service.name);
        nlohmann::json item = {{"name", service.name},
                               {"protocol", service.protocol},
                               {"mode", service.mode},
                               {"gateway", service.gateway},
                               {"port", nullptr}};
        if (port != 0) {
            item["port"] = port;
        }
        list.push_back(std::move(item));
        text += fmt::format("{:<24} {:<9} {:<12} {}\n", service.name, service.protocol, service.mode,
                            service.gateway);
    }
    if (as_json) {
        std::puts(list.dump(2).c_str());
    } else if (services->empty()) {
        std::puts("There is no service that you may use.");
    } else {
        std::fputs(fmt::format("{:<24} {:<9} {:<12} {}\n", "SERVICE", "PROTOCOL", "MODE", "GATEWAY").c_str(),
                   stdout);
        std::fputs(text.c_str(), stdout);
    }
    return 0;
}

}  // namespace postern::client

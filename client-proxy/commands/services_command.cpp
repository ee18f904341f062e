#include <cstdio>
#include <set>
#include <string>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/json.hpp"
#include "base/shown_text.hpp"
#include "client-proxy/agent/port_assignments.hpp"
#include "client-proxy/commands/commands.hpp"
#include "client-proxy/commands/terminal.hpp"
#include "client-proxy/config/profile.hpp"
#include "client-proxy/control/agent_client.hpp"

namespace postern::client {

int show_services(bool as_json) {
    auto agent = control::AgentClient::find_or_start();
    if (!agent) {
        return fail(agent.error());
    }
    const auto answer = agent->call("services.refresh");
    if (!answer) {
        return fail(answer.error());
    }
    auto list = nlohmann::json::array();
    std::string text;
    std::string warnings;
    for (const auto& service : (*answer)["services"]) {
        if (!service.value("allowed", false)) {
            continue;
        }
        list.push_back(service);
        const auto word = [&](const char* key) { return word_in(service, key); };
        std::string note = word("description");
        if (!service.value("listed", true)) {
            note += note.empty() ? "" : "; ";
            note += "not listed by the CA: opens with --passthrough only";
        }
        std::string line = fmt::format(
            "{:<24} {:<9} {:<12} {:<12} {:<6} {:<12} {}", word("name"), word("protocol"), word("mode"),
            word("state"), service["port"].is_number() ? fmt::format("{}", service["port"].get<int>()) : "-",
            word("gateway"), note);
        line.erase(line.find_last_not_of(' ') + 1);
        text += line + "\n";
        if (service["error"].is_object() && control::text_in(service["error"], "reason") == "port_in_use") {
            warnings += postern::shown(control::text_in(service["error"], "message")) + "\n";
        }
    }
    if (as_json) {
        std::puts(ascii_json_text(list, 2).c_str());
    } else if (list.empty()) {
        std::puts("There is no service that you may use.");
    } else {
        text.insert(0, fmt::format("{:<24} {:<9} {:<12} {:<12} {:<6} {:<12} {}\n", "SERVICE", "PROTOCOL",
                                   "MODE", "STATE", "PORT", "GATEWAY", "DESCRIPTION"));
        std::fputs(text.c_str(), stdout);
        std::fputs(warnings.c_str(), stderr);
    }
    return 0;
}

int name_services() {
    std::set<std::string> names;
    auto agent = control::AgentClient::find();
    const auto state = agent ? agent->call("state") : Outcome<nlohmann::json>(agent.error());
    if (state) {
        for (const auto& service : (*state)["services"]) {
            names.insert(word_in(service, "name"));
        }
    } else if (const auto path = ProfileFolder::default_path()) {
        if (const auto folder = ProfileFolder::open(*path)) {
            for (const auto& name : PortAssignments::load(*folder).names()) {
                names.insert(name.substr(0, name.find('/')));
            }
        }
    }
    for (const auto& name : names) {
        std::puts(name.c_str());
    }
    return 0;
}

}  // namespace postern::client

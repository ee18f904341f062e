#include <algorithm>
#include <chrono>
#include <cstdio>
#include <thread>

#include <fmt/format.h>

#include "base/duration.hpp"
#include "base/json.hpp"
#include "client-proxy/commands/agent_session.hpp"
#include "client-proxy/commands/database_probe.hpp"
#include "client-proxy/commands/diagnostic_report.hpp"
#include "client-proxy/commands/terminal.hpp"

namespace postern::client {

namespace {

using nlohmann::json;
using SteadyTime = std::chrono::steady_clock::time_point;

constexpr auto kPause = std::chrono::milliseconds(500);

/// Whether the service's port is open and the PostgreSQL behind it answers.
Outcome<void> is_ready(const std::string& service, const std::string& database, SteadyTime end) {
    // Even with a timeout of 0 one check is made.
    const auto left = [end] {
        const auto rest =
            std::chrono::ceil<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
        return std::max<std::chrono::milliseconds>(rest, kPause);
    };
    auto agent = control::AgentClient::find();
    if (!agent && agent.error().code != Code::not_found) {
        return agent.error();
    }
    if (!agent) {
        return Refusal{Code::unavailable, "no agent runs", "Start it: postern connect " + service, {}};
    }
    const auto state = agent->call("state", json::object(), left());
    if (!state) {
        return state.error();
    }
    for (const auto& known : (*state)["services"]) {
        if (known.value("name", std::string()) != service || known["ports"].empty()) {
            continue;
        }
        const auto& port = known["ports"][0];
        if (known.value("protocol", std::string()) != "postgres" ||
            port.value("mode", std::string()) != "end_to_end") {
            return {};
        }
        const std::string user = port.value("user", std::string());
        const std::string last = port.value("database", std::string());
        const std::string wanted = !database.empty() ? database : last.empty() ? "postgres" : last;
        const auto answer = probe_database(port["port"].get<unsigned short>(), user, wanted, left());
        if (!answer) {
            return answer.error();
        }
        if (answer->error) {
            return explain(*answer->error, service, user);
        }
        return {};
    }
    return Refusal{Code::not_found,
                   fmt::format("no port of {} is open", service),
                   "Open one: postern connect " + service,
                   {}};
}

}  // namespace

int wait_for_service(const WaitOptions& options) {
    const auto timeout = parse_duration(options.timeout);
    if (!timeout) {
        return fail_usage(timeout.error().detail, "For example: --timeout 30s");
    }
    const auto end = std::chrono::steady_clock::now() + *timeout;
    for (;;) {
        const auto ready = is_ready(options.service, options.database, end);
        if (ready) {
            if (options.as_json) {
                const nlohmann::json told = {{"service", options.service}, {"is_ready", true}};
                std::puts(ascii_json_text(told).c_str());
            }
            return 0;
        }
        if (std::chrono::steady_clock::now() + kPause >= end) {
            Refusal late = ready.error();
            late.message =
                fmt::format("{} is not ready after {}: {}", options.service, options.timeout, late.message);
            return fail(late);
        }
        std::this_thread::sleep_for(kPause);
    }
}

}  // namespace postern::client

#include <cstdio>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/json.hpp"
#include "base/shown_text.hpp"
#include "client-proxy/commands/agent_session.hpp"
#include "client-proxy/commands/terminal.hpp"

namespace postern::client {

int log_in(const LoginOptions& options, bool as_json) {
    auto agent = control::AgentClient::find_or_start();
    if (!agent) {
        return fail(agent.error());
    }
    bool is_usage = false;
    const auto login = log_in_at(*agent, options, &is_usage);
    if (!login) {
        const Refusal& refusal = login.error();
        return is_usage ? fail_usage(refusal.message, refusal.hint) : fail(refusal);
    }
    if (as_json) {
        std::puts(ascii_json_text(*login, 2).c_str());
        return 0;
    }
    const auto state = agent->call("state");
    const auto groups = login->value("groups", std::vector<std::string>());
    std::string text =
        fmt::format("Logged in as {} ({}) at {}.\n", word_in(*login, "user"),
                    groups.empty() ? "no group" : shown(fmt::format("{}", fmt::join(groups, ", "))),
                    state ? word_in((*state)["trust"], "ca") : "");
    if ((*login)["session_ends"].is_string()) {
        if (const auto ends = parse_time((*login)["session_ends"].get<std::string>())) {
            text += fmt::format("The certificate renews itself until {}; then log in again.\n",
                                local_time(*ends, system_clock()()));
        }
    }
    std::fputs(text.c_str(), stdout);
    return 0;
}

int log_out(bool as_json) {
    auto agent = control::AgentClient::find_or_start();
    if (!agent) {
        return fail(agent.error());
    }
    const auto ended = agent->call("logout");
    if (!ended) {
        return fail(ended.error());
    }
    if (as_json) {
        std::puts(ascii_json_text(*ended, 2).c_str());
        return 0;
    }
    std::puts(ended->value("was_logged_in", false)
                  ? "Logged out. The session and its certificates are worth nothing any more."
                  : "Nobody was logged in.");
    return 0;
}

}  // namespace postern::client

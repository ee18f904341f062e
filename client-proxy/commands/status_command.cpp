#include <cstdio>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "base/shown_text.hpp"
#include "client-proxy/commands/commands.hpp"
#include "client-proxy/commands/terminal.hpp"
#include "client-proxy/control/agent_client.hpp"
#include "client-proxy/login/login.hpp"
#include "client-proxy/login/login_key.hpp"
#include "client-proxy/login/preferences.hpp"
#include "client-proxy/login/profile.hpp"

namespace postern::client {

namespace {

using nlohmann::json;

constexpr std::size_t kMostTrouble = 5;

/// Connections that ended otherwise than their programs wanted, the newest first.
json trouble_in(const json& events) {
    auto trouble = json::array();
    for (const auto& event : events) {
        const std::string kind = control::text_in(event, "kind");
        if ((kind == "refused" || kind == "cut") && trouble.size() < kMostTrouble) {
            trouble.push_back(event);
        }
    }
    return trouble;
}

/// What the agent that runs says; null when none does, which is no reason to start one.
json ask_agent() {
    auto agent = control::AgentClient::find();
    if (!agent) {
        return nullptr;
    }
    const auto hello = agent->call("hello", {{"client", "postern status"}});
    auto state = agent->call("state");
    if (!hello || !state) {
        return nullptr;
    }
    (*state)["agent"] = *hello;
    const auto events = agent->call("events", {{"limit", 1000}});
    (*state)["trouble"] = events ? trouble_in((*events)["events"]) : json::array();
    return *std::move(state);
}

// When it was, what broke, whom it hit, and what to do: for each of the last.
std::string trouble_text(const json& agent, SystemTime now) {
    std::string text;
    if (!agent.is_object()) {
        return text;
    }
    for (const auto& event : agent["trouble"]) {
        const auto word = [&](const char* key) { return word_in(event, key); };
        const auto time = parse_time(word("time"));
        text += fmt::format("  {:<9} {} {}: {}\n", time ? local_time(*time, now) : "", word("service"),
                            word("kind") == "cut" ? "was cut" : "was refused", word("message"));
        if (const std::string id = word("connection_id"); !id.empty()) {
            text += fmt::format("            connection {}\n", id);
        }
        if (const std::string hint = word("hint"); !hint.empty()) {
            text += fmt::format("            hint: {}\n", hint);
        }
    }
    return text.empty() ? text : "last trouble\n" + text;
}

std::string ports_text(const json& agent) {
    std::string text;
    if (!agent.is_object()) {
        return text;
    }
    for (const auto& service : agent["services"]) {
        if (service["ports"].empty() && !service["error"].is_object()) {
            continue;
        }
        text += fmt::format("{:<12} {}", word_in(service, "name"), word_in(service, "state"));
        for (const auto& port : service["ports"]) {
            text += fmt::format(", localhost:{} ({})", port.value("port", 0), word_in(port, "mode"));
        }
        text += fmt::format(", {} open\n", service.value("connections", 0));
        if (service["error"].is_object()) {
            text += fmt::format("             {}\n             hint: {}\n",
                                word_in(service["error"], "message"), word_in(service["error"], "hint"));
        }
    }
    return text;
}

int tell_json(const Profile& profile, const LoginPtr& login, bool is_usable, const ProfileFolder& folder) {
    const auto agent = ask_agent();
    json told = {{"logged_in", is_usable},
                 {"user", profile.user},
                 {"groups", profile.groups},
                 {"ca", profile.ca_url},
                 {"fingerprint", profile.pin},
                 {"trust_domain", profile.trust_domain},
                 {"profile", folder.path().string()},
                 {"certificate", nullptr},
                 {"session", nullptr},
                 {"agent", agent.is_object() ? agent["agent"] : agent},
                 {"services", agent.is_object() ? agent["services"] : json::array()},
                 {"trouble", agent.is_object() ? agent["trouble"] : json::array()}};
    if (login) {
        const bool has_file = has_key_file(folder);
        told["key_file"] = has_file ? json(folder.login_key().string()) : json();
        told["certificate_file"] = folder.login_certificate().string();
        told["certificate"] = {{"serial", login->certificate().serial()},
                               {"not_after", format_time(login->not_after())},
                               {"renew_after", format_time(login->renew_after())},
                               {"is_expired", system_clock()() >= login->not_after()}};
        told["session"] = {{"id", profile.session_id},
                           {"expires", profile.session_expires ? format_time(*profile.session_expires) : ""}};
    }
    std::puts(json_text(told, 2).c_str());
    return is_usable ? 0 : 4;
}

}  // namespace

int show_status(bool as_json) {
    const auto path = ProfileFolder::default_path();
    const auto folder = path ? ProfileFolder::open(*path) : Result<ProfileFolder>(path.error());
    if (!folder) {
        return fail(folder_refusal(folder.error()));
    }
    const auto profile = folder->load();
    if (!profile && profile.error().code != Code::not_found) {
        return fail(local_refusal(profile.error()));
    }
    const auto login = Login::load(*folder);
    if (!login && login.error().code != Code::unauthenticated) {
        return fail(local_refusal(login.error()));
    }
    const auto now = system_clock()();
    const bool has_session =
        login && profile && (!profile->session_expires || now < *profile->session_expires);
    if (as_json) {
        return tell_json(profile ? *profile : Profile(), login ? *login : nullptr, has_session, *folder);
    }
    if (!login || !profile) {
        return fail(Refusal{Code::unauthenticated, "nobody is logged in", "Run: postern login", {}});
    }
    const std::string certificate =
        now < (*login)->not_after()
            ? fmt::format("valid until {}, renewed from {}", local_time((*login)->not_after(), now),
                          local_time((*login)->renew_after(), now))
            : fmt::format("expired at {}; renewed when it is needed", local_time((*login)->not_after(), now));
    std::string text = fmt::format(
        "user         {} ({})\n", shown(profile->user),
        profile->groups.empty() ? "no group" : shown(fmt::format("{}", fmt::join(profile->groups, ", "))));
    text += fmt::format("CA service   {} ({})\n", shown(profile->ca_url), shown(profile->trust_domain));
    text += fmt::format("certificate  {}\n", certificate);
    text += fmt::format("key          {}\n", place_of_key(*folder));
    if (profile->session_expires) {
        text += fmt::format("session      {} {}\n", has_session ? "until" : "ended at",
                            local_time(*profile->session_expires, now));
    }
    const json agent = ask_agent();
    text += ports_text(agent);
    text += trouble_text(agent, now);
    std::fputs(text.c_str(), stdout);
    if (const auto preferences = Preferences::load(); !preferences) {
        return fail(settings_refusal(preferences.error()));
    }
    if (!has_session) {
        return fail(Refusal{Code::session_ended, "the login session has ended", "Run: postern login", {}});
    }
    return 0;
}

}  // namespace postern::client

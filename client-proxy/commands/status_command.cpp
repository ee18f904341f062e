#include <cstdio>
#include <optional>
#include <string>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "base/json.hpp"
#include "base/reason.hpp"
#include "base/shown_text.hpp"
#include "client-proxy/commands/commands.hpp"
#include "client-proxy/commands/terminal.hpp"
#include "client-proxy/config/preferences.hpp"
#include "client-proxy/config/profile.hpp"
#include "client-proxy/control/agent_client.hpp"
#include "client-proxy/login/login.hpp"
#include "client-proxy/login/login_key.hpp"
#include "client-proxy/login/login_standing.hpp"
#include "client-proxy/refusal/ca_clock.hpp"
#include "pki/validity.hpp"

namespace postern::client {

namespace {

using nlohmann::json;

constexpr std::size_t kMostTrouble = 5;

/// Connections that were refused or cut, the newest first.
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

/// The state of the running agent; null when none runs, and none is started for this. Errors: the agent does
/// not answer, or another user's process is in its place.
Outcome<json> ask_agent() {
    const auto told = [](json object) {
        return Outcome<json>(boost::system::in_place_value, std::move(object));
    };
    auto agent = control::AgentClient::find();
    if (!agent) {
        return agent.error().code == Code::not_found ? told(nullptr) : agent.error();
    }
    const auto hello = agent->call("hello", {{"client", "postern status"}});
    auto state = hello ? agent->call("state") : hello;
    if (!state) {
        return state.error();
    }
    (*state)["agent"] = *hello;
    const auto events = agent->call("events", {{"limit", 1000}});
    (*state)["trouble"] = events ? trouble_in((*events)["events"]) : json::array();
    return told(*std::move(state));
}

/// Describes each of the last refused or cut connections: when it happened, the cause, the service, and what
/// to do.
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

/// How the login is shown. The values come from the running agent, which knows what the CA service and the
/// gateways have said and whether the login is on disk, or else from the files.
struct ShownLogin {
    std::string serial;
    std::optional<SystemTime> not_after;
    std::optional<SystemTime> renew_after;
    /// Judged by the clock of the source.
    bool is_certificate_over = false;
    std::string state;
    /// Why the login no longer gives access.
    std::optional<Refusal> over;
    /// Why the login is not on disk.
    std::optional<Refusal> unkept;
};

ShownLogin shown_by_agent(const json& login) {
    const auto time = [&](const char* key) {
        const auto read = parse_time(control::text_in(login, key));
        return read ? std::optional(*read) : std::nullopt;
    };
    ShownLogin shown;
    shown.serial = control::text_in(login, "serial");
    shown.not_after = time("not_after");
    shown.renew_after = time("renew_after");
    shown.is_certificate_over = login.value("remaining_seconds", std::int64_t{1}) == 0;
    shown.state = control::text_in(login, "state");
    shown.over = control::refusal_in(login, "error");
    shown.unkept = control::refusal_in(login, "unkept");
    return shown;
}

ShownLogin shown_by_files(const Login& login, const Profile& profile, SystemTime now) {
    const LoginStanding standing = standing_of(login, profile.session_expires, std::nullopt, false, now);
    ShownLogin shown;
    shown.serial = login.certificate().serial();
    shown.not_after = login.not_after();
    shown.renew_after = login.renew_after();
    shown.is_certificate_over = pki::is_over(login.not_after(), now);
    shown.state = name(standing.state);
    shown.over = standing.why;
    return shown;
}

int tell_json(const Profile& profile, const std::optional<ShownLogin>& login, const json& agent,
              const std::optional<Refusal>& trouble, const ProfileFolder& folder) {
    const bool is_usable = login && !login->over;
    json told = {{"logged_in", is_usable},
                 {"login_state", login ? json(login->state) : json()},
                 {"reason", nullptr},
                 {"message", nullptr},
                 {"user", profile.user},
                 {"groups", profile.groups},
                 {"ca", profile.ca_url},
                 {"fingerprint", profile.pin},
                 {"trust_domain", profile.trust_domain},
                 {"profile", folder.path().string()},
                 {"certificate", nullptr},
                 {"session", nullptr},
                 {"clock_ahead_seconds", nullptr},
                 {"agent", agent.is_object() ? agent["agent"] : agent},
                 {"agent_error", nullptr},
                 {"services", agent.is_object() ? agent["services"] : json::array()},
                 {"trouble", agent.is_object() ? agent["trouble"] : json::array()}};
    if (agent.is_object()) {
        told["clock_ahead_seconds"] = agent.value("clock_ahead_seconds", json());
    }
    if (trouble) {
        told["agent_error"] = {
            {"reason", name(trouble->code)}, {"message", trouble->message}, {"hint", trouble->hint}};
    }
    if (login && login->over) {
        told["reason"] = name(login->over->code);
        told["message"] = login->over->message;
    }
    if (login && login->not_after) {
        const bool has_file = has_key_file(folder);
        told["key_file"] = has_file ? json(folder.login_key().string()) : json();
        told["certificate_file"] = folder.login_certificate().string();
        told["certificate"] = {{"serial", login->serial},
                               {"not_after", format_time(*login->not_after)},
                               {"renew_after", format_time(login->renew_after.value_or(*login->not_after))},
                               {"is_expired", login->is_certificate_over},
                               {"is_on_disk", !login->unkept}};
        told["session"] = {{"id", profile.session_id},
                           {"expires", profile.session_expires ? format_time(*profile.session_expires) : ""}};
    }
    std::puts(ascii_json_text(told, 2).c_str());
    return trouble ? reason_of(trouble->code).exit_code : is_usable ? 0 : 4;
}

std::string login_text(const Profile& profile, const ShownLogin& login, const ProfileFolder& folder,
                       SystemTime now) {
    std::string certificate = "not known";
    if (login.over) {
        certificate = fmt::format("opens nothing any more: {}", postern::shown(login.over->message));
    } else if (login.not_after && login.renew_after && !login.is_certificate_over) {
        certificate = fmt::format("valid until {}, renewed from {}", local_time(*login.not_after, now),
                                  local_time(*login.renew_after, now));
    } else if (login.not_after) {
        certificate =
            fmt::format("expired at {}; renewed when it is needed", local_time(*login.not_after, now));
    }
    std::string text = fmt::format("user         {} ({})\n", postern::shown(profile.user),
                                   profile.groups.empty()
                                       ? "no group"
                                       : postern::shown(fmt::format("{}", fmt::join(profile.groups, ", "))));
    text += fmt::format("CA service   {} ({})\n", postern::shown(profile.ca_url),
                        postern::shown(profile.trust_domain));
    text += fmt::format("certificate  {}\n", certificate);
    if (login.unkept) {
        text += fmt::format("             {}\n             hint: {}\n", postern::shown(login.unkept->message),
                            postern::shown(login.unkept->hint));
    }
    text += fmt::format("key          {}\n", place_of_key(folder));
    if (profile.session_expires) {
        text += fmt::format("session      {} {}\n", login.over ? "was to last until" : "until",
                            local_time(*profile.session_expires, now));
    }
    return text;
}

/// The line about this machine's clock; empty while the difference is small.
std::string clock_text(const json& agent) {
    const json ahead = agent.is_object() ? agent.value("clock_ahead_seconds", json()) : json();
    const std::chrono::seconds by(ahead.is_number_integer() ? ahead.get<std::int64_t>() : 0);
    if (by <= CaClock::kWorthTelling && by >= -CaClock::kWorthTelling) {
        return {};
    }
    return fmt::format(
        "clock        this machine's is {} the CA service's, by which logins are judged\n"
        "             hint: {}\n",
        offset_text(by), kSetTheClock);
}

}  // namespace

int show_status(bool as_json) {
    const auto path = ProfileFolder::default_path();
    const auto folder = path ? ProfileFolder::open(*path) : Result<ProfileFolder>(path.error());
    if (!folder) {
        return fail(folder_refusal(folder.error()));
    }
    const auto asked = ask_agent();
    const json agent = asked ? *asked : json();
    const auto trouble = asked ? std::nullopt : std::optional(asked.error());
    const auto profile = folder->load();
    if (!profile && profile.error().code != Code::not_found) {
        return fail(local_refusal(profile.error()));
    }
    const auto login = Login::load(*folder);
    if (!login && login.error().code != Code::unauthenticated) {
        return fail(local_refusal(login.error()));
    }
    const auto now = system_clock()();
    std::optional<ShownLogin> seen;
    if (agent.is_object() && agent["login"].is_object() && login) {
        seen = shown_by_agent(agent["login"]);
    } else if (login && profile) {
        seen = shown_by_files(**login, *profile, now);
    }
    if (as_json) {
        return tell_json(profile ? *profile : Profile(), seen, agent, trouble, *folder);
    }
    if (trouble) {
        fail(*trouble);
    }
    if (!seen || !profile) {
        return fail(Refusal{Code::unauthenticated, "nobody is logged in", "Run: postern login", {}});
    }
    std::string text = login_text(*profile, *seen, *folder, now);
    text += clock_text(agent);
    text += ports_text(agent);
    text += trouble_text(agent, now);
    std::fputs(text.c_str(), stdout);
    if (const auto preferences = Preferences::load(); !preferences) {
        return fail(settings_refusal(preferences.error()));
    }
    if (seen->over) {
        fail(*seen->over);
    }
    return trouble ? reason_of(trouble->code).exit_code : seen->over ? reason_of(seen->over->code).exit_code : 0;
}

}  // namespace postern::client

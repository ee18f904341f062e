#include <cstdio>
#include <memory>
#include <optional>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/connection_id.hpp"
#include "base/shown_text.hpp"
#include "client-proxy/agent/event_file.hpp"
#include "client-proxy/commands/commands.hpp"
#include "client-proxy/commands/terminal.hpp"
#include "client-proxy/control/json_rpc.hpp"
#include "client-proxy/login/login_source.hpp"
#include "client-proxy/tunnel/cut_reason.hpp"
#include "pki/identity.hpp"

namespace postern::client {

namespace {

using control::text_in;
using nlohmann::json;

std::string line_of(const json& event, SystemTime now) {
    const auto word = [&](const char* key) { return postern::shown(text_in(event, key)); };
    const auto time = parse_time(word("time"));
    std::string line =
        fmt::format("{:<13} {:<14} {}", time ? local_time(*time, now) : "", word("kind"), word("service"));
    const auto add = [&](const char* before, const std::string& text) {
        if (!text.empty()) {
            line += fmt::format("{}{}", before, text);
        }
    };
    add(" through ", word("gateway"));
    add(" for ", word("program"));
    add(": ", word("message"));
    if (text_in(event, "purpose") == "probe") {
        line += " (a check by postern doctor or wait)";
    }
    if (text_in(event, "closed_by") == "agent") {
        line += " (the agent broke it off)";
    }
    line += '\n';
    if (const std::string id = word("connection_id"); !id.empty()) {
        line += fmt::format("{:<13} connection {}\n", "", id);
    }
    if (const std::string hint = word("hint"); !hint.empty()) {
        line += fmt::format("{:<13} hint: {}\n", "", hint);
    }
    return line;
}

/// What the gateway says about the connection's end; no value when it cannot be asked.
std::optional<Refusal> ask_gateway(const ProfileFolder& folder, const std::string& name,
                                   const std::string& id) {
    auto login = Login::load(folder);
    if (!login) {
        return std::nullopt;
    }
    for (const GatewayEntry& entry : (*login)->catalogue().gateways) {
        if (entry.name != name) {
            continue;
        }
        boost::asio::io_context loop(1);
        std::optional<Refusal> told;
        boost::asio::co_spawn(loop, ask_why_cut(std::make_shared<FixedLogin>(*login), entry, id),
                              [&](const std::exception_ptr& failed, Refusal refusal) {
                                  if (!failed) {
                                      told = std::move(refusal);
                                  }
                              });
        loop.run();
        return told;
    }
    return std::nullopt;
}

/// The way to continue the search: from here to the gateway's log, and from there to the CA service's.
std::string way_on(const ProfileFolder& folder, const std::vector<json>& events, const std::string& id) {
    std::string gateway;
    std::string session;
    std::string serial;
    bool is_over = false;
    for (const auto& event : events) {
        const auto note = [&](const char* key, std::string& into) {
            if (std::string text = text_in(event, key); !text.empty()) {
                into = postern::shown(text);
            }
        };
        note("gateway", gateway);
        note("session", session);
        note("serial", serial);
        const std::string kind = text_in(event, "kind");
        is_over = is_over || kind == "closed" || kind == "cut";
    }
    std::string text;
    if (!gateway.empty() && !is_over) {
        if (const auto told = ask_gateway(folder, gateway, id)) {
            text += fmt::format("{:<13} the gateway {} says: {}\n", "", gateway, postern::shown(told->message));
        }
    }
    text += fmt::format(
        "on the gateway {}:  postern-audit query /var/log/postern-gateway/audit.jsonl --connection {}\n",
        gateway.empty() ? "(which one is in its log)" : gateway, id);
    if (!session.empty()) {
        text += fmt::format(
            "on the CA service:  postern-audit query /var/lib/postern-ca/audit.jsonl --session {}   "
            "(certificate {})\n",
            session, serial);
    }
    return text;
}

}  // namespace

int show_events(const EventsOptions& options) {
    if (!options.service.empty() && !pki::is_resource_name(options.service)) {
        return fail_usage(fmt::format("'{}' is no service's name", options.service),
                          "See what there is: postern services");
    }
    if (!options.connection.empty() && !is_connection_id(options.connection)) {
        return fail_usage(fmt::format("'{}' is no connection id", options.connection),
                          "It stands beside each event, and in what psql shows of a refusal (DETAIL).");
    }
    const auto path = ProfileFolder::default_path();
    const auto folder = path ? ProfileFolder::open(*path) : Result<ProfileFolder>(path.error());
    if (!folder) {
        return fail(folder_refusal(folder.error()));
    }
    const auto all = read_events(*folder);
    const auto list =
        all ? chosen(*all, {options.service, options.connection, options.most}) : std::vector<json>();
    if (options.as_json) {
        for (const auto& event : list) {
            say_json(event);
        }
    } else {
        const auto now = system_clock()();
        std::string text;
        for (const auto& event : list) {
            text += line_of(event, now);
        }
        if (!list.empty() && !options.connection.empty()) {
            text += way_on(*folder, list, options.connection);
        }
        std::fputs(text.c_str(), stdout);
    }
    if (list.empty() && !options.connection.empty()) {
        return fail(
            Refusal{Code::not_found,
                    fmt::format("no event of the connection {} is kept here", options.connection),
                    "The last thousands are: postern events. Older ones are in the gateway's audit log.",
                    {}});
    }
    return 0;
}

}  // namespace postern::client

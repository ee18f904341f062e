#include "client-proxy/commands/doctor_agent.hpp"

#include <utility>

#include <fmt/format.h>

#include "ca_api/fingerprint.hpp"
#include "ca_api/first_contact.hpp"
#include "ca_api/trust_set.hpp"
#include "client-proxy/control/agent_client.hpp"
#include "client-proxy/control/runtime_folder.hpp"
#include "client-proxy/proxy/proxied_dial.hpp"
#include "client-proxy/refusal/ca_clock.hpp"
#include "http/client.hpp"

namespace postern::client {

namespace {

using control::text_in;
using nlohmann::json;

/// Checks the settings that the agent uses. The only change that an agent cannot notice itself is one of the
/// environment after its start.
void check_uses(DiagnosticReport& report, const json& uses) {
    if (!uses.is_object()) {
        return;
    }
    if (const auto problem = control::refusal_in(uses, "error")) {
        report.bad("agent.settings", *problem);
        return;
    }
    const auto rules = proxy_rules();
    const std::string theirs = text_in(uses, "proxy");
    const std::string ours = *rules && (*rules)->proxy() != nullptr ? (*rules)->proxy()->text() : "";
    const auto said = [](const std::string& proxy) {
        return proxy.empty() ? "no proxy" : "the proxy " + proxy;
    };
    if (theirs != ours) {
        report.bad(
            "agent.settings",
            Refusal{Code::config_invalid,
                    fmt::format("the agent that runs uses {}, and this terminal's settings say {}",
                                said(theirs), said(ours)),
                    "It was started with another environment. End it, and the next command starts it with "
                    "this one: postern agent --stop",
                    {}});
        return;
    }
    report.good("agent.settings", fmt::format("it goes by {} as it is now, and uses {}",
                                              text_in(uses, "config_file"), said(theirs)));
}

}  // namespace

std::optional<Refusal> check_agent(DiagnosticReport& report) {
    const auto place = control::RuntimeFolder::open();
    if (!place) {
        report.bad("agent", folder_refusal(place.error()));
        return std::nullopt;
    }
    auto agent = control::AgentClient::find();
    if (!agent && agent.error().code != Code::not_found) {
        report.bad("agent", agent.error());
        return std::nullopt;
    }
    const std::string passed_over =
        place->passed_over().empty() ? std::string() : fmt::format(" ({})", place->passed_over());
    if (!agent) {
        report.skip("agent", fmt::format("none runs at {}; commands start it{}", place->socket().string(),
                                         passed_over));
        return std::nullopt;
    }
    const auto state = agent->call("state");
    if (!state) {
        report.bad("agent", state.error());
        return std::nullopt;
    }
    report.good("agent", fmt::format("it answers at {}{}", place->socket().string(), passed_over));
    check_uses(report, state->value("uses", json()));
    const json login = state->value("login", json());
    if (!login.is_object()) {
        return std::nullopt;
    }
    if (const auto unkept = control::refusal_in(login, "unkept")) {
        report.bad("agent.disk", *unkept);
    }
    return control::refusal_in(login, "error");
}

void judge_clock(DiagnosticReport& report, std::chrono::seconds ahead, const std::string& whose) {
    if (ahead > CaClock::kWorthTelling || ahead < -CaClock::kWorthTelling) {
        report.bad("ca.clock",
                   Refusal{Code::not_yet_valid,
                           fmt::format("this machine's clock is {} {}", offset_text(ahead), whose),
                           kSetTheClock,
                           {}});
        return;
    }
    report.good("ca.clock", fmt::format("the clocks differ by {} s", std::abs(ahead.count())));
}

bool shows_root(const std::vector<pki::Certificate>& shown, const std::string& pin, SystemTime now) {
    const auto parsed = ca_api::Fingerprint::parse(pin);
    if (!parsed) {
        return false;
    }
    const auto vouched = ca_api::trust_set(shown, *parsed, now);
    return vouched || vouched.error().code == Code::not_yet_valid || vouched.error().code == Code::expired;
}

void judge_root(DiagnosticReport& report, const std::vector<pki::Certificate>& shown, const std::string& pin,
                SystemTime now) {
    if (shows_root(shown, pin, now)) {
        report.good("ca.pin", fmt::format("its root is {}", pin));
        return;
    }
    report.bad(
        "ca.pin",
        Refusal{Code::unknown_issuer,
                fmt::format("it shows another root than {}, which you compared at first contact", pin),
                "Compare with `postern-ca fingerprint` on the CA's host. If the CA was set up anew: postern "
                "login --ca URL --fingerprint sha256:HEX. If not, somebody may be in between.",
                {}});
}

namespace {

/// Asks without any trust anchors, so nothing in the answer is trusted.
Result<http::ClientAnswer> ask_as_stranger(const std::string& url, const CaRoute& route) {
    http::ClientOptions options;
    options.url = url;
    options.longest_answer = ca_api::kLongestTrust;
    options.dial = route.dial();
    auto stranger = http::Client::make(std::move(options));
    return stranger ? stranger->get("/v1/trust") : Result<http::ClientAnswer>(stranger.error());
}

void judge_claimed_clock(DiagnosticReport& report, const Result<http::ClientAnswer>& answer,
                         const std::string& url) {
    if (!answer || !answer->date) {
        report.skip("ca.clock", "it does not tell the time");
        return;
    }
    judge_clock(report, std::chrono::round<std::chrono::seconds>(system_clock()() - *answer->date),
                "the clock of " + url);
}

}  // namespace

void check_claimed_clock(DiagnosticReport& report, const std::string& url) {
    const CaRoute route(url);
    judge_claimed_clock(report, ask_as_stranger(url, route), url);
}

void check_first_contact(DiagnosticReport& report, const std::string& url) {
    const CaRoute route(url);
    const auto answer = ask_as_stranger(url, route);
    if (!answer && answer.error().code == Code::config_invalid) {
        report.bad("ca.address", Refusal{Code::config_invalid,
                                         answer.error().detail,
                                         "The address looks like https://ca.example.org:7444",
                                         {}});
        return;
    }
    if (!answer) {
        auto on_the_way = route.refusal();
        report.bad("ca.tls", on_the_way ? *on_the_way : ca_refusal(answer.error(), url));
        report.skip("ca.clock", "it cannot be asked");
        return;
    }
    report.good("ca.tls", fmt::format("{} answers; the first login compares its fingerprint", url));
    judge_claimed_clock(report, answer, url);
}

}  // namespace postern::client

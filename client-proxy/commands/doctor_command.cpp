#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <optional>
#include <set>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/json.hpp"
#include "client-proxy/commands/agent_session.hpp"
#include "client-proxy/commands/diagnostic_report.hpp"
#include "client-proxy/commands/doctor_agent.hpp"
#include "client-proxy/commands/doctor_service.hpp"
#include "client-proxy/commands/terminal.hpp"
#include "client-proxy/config/preferences.hpp"
#include "client-proxy/login/ca_client.hpp"
#include "client-proxy/login/renewal.hpp"
#include "client-proxy/proxy/proxied_dial.hpp"
#include "client-proxy/refusal/ca_clock.hpp"
#include "client-proxy/tunnel/service_list.hpp"
#include "http/client.hpp"
#include "http/https_url.hpp"
#include "net/dial.hpp"
#include "net/resolver.hpp"
#include "pki/validity.hpp"

namespace postern::client {

namespace {

namespace asio = boost::asio;

constexpr auto kTimeout = std::chrono::seconds(5);

template <class T>
T run_to_end(asio::awaitable<T> work) {
    asio::io_context loop(1);
    std::optional<T> outcome;
    asio::co_spawn(loop, std::move(work), [&](const std::exception_ptr& exception, T result) {
        if (exception) {
            std::rethrow_exception(exception);
        }
        outcome = std::move(result);
    });
    loop.run();
    return *std::move(outcome);
}

asio::awaitable<Result<void>> try_dial(net::Address address) {
    const auto dialled = co_await net::dial(std::move(address), kTimeout);
    if (!dialled) {
        co_return dialled.error();
    }
    co_return Result<void>();
}

bool check_direct(DiagnosticReport& report, const std::string& what, const net::Address& address);

/// Checks whether the address can be reached; returns whether further steps make sense. A name behind a proxy
/// is resolved by the proxy.
bool check_network(DiagnosticReport& report, const std::string& what, const net::Address& address) {
    const auto held = proxy_rules();
    const Result<ProxyRules>& rules = *held;
    const HttpProxy* const proxy = rules ? rules->proxy_for(address.host) : nullptr;
    if (proxy == nullptr) {
        return check_direct(report, what, address);
    }
    if (!check_direct(report, what + ".proxy", proxy->address)) {
        return false;
    }
    report.skip(what + ".dns", fmt::format("the proxy {} looks it up", proxy->text()));
    return true;
}

bool check_direct(DiagnosticReport& report, const std::string& what, const net::Address& address) {
    const auto found = net::Resolver::shared().resolve_blocking(address.host, kTimeout);
    if (found.failure) {
        const Failure& failure = *found.failure;
        report.bad(what + ".dns",
                   failure.code == Code::out_of_resources
                       ? local_refusal(failure)
                       : Refusal{failure.code,
                                 fmt::format("{} has no address: {}", address.host, failure.detail),
                                 "Check the name, the DNS server and the VPN.",
                                 {}});
        report.skip(what + ".tcp", "there is no address");
        return false;
    }
    report.good(what + ".dns", fmt::format("{} is {}", address.host, found.addresses.front().to_string()));
    net::Address where = address;
    const auto dialled = run_to_end(try_dial(std::move(where)));
    if (!dialled) {
        report.bad(what + ".tcp",
                   Refusal{dialled.error().code,
                           fmt::format("{} does not take connections", address.text()),
                           "Check that the service runs there, and firewalls and the VPN in between.",
                           {}});
        return false;
    }
    report.good(what + ".tcp", fmt::format("{} takes connections", address.text()));
    return true;
}

void check_clock(DiagnosticReport& report, http::Client& client) {
    const auto answer = client.get("/v1/health");
    const auto body = answer ? parse_json(answer->body) : nlohmann::json();
    const auto theirs = body.is_object() && body.contains("time") && body["time"].is_string()
                            ? parse_time(body["time"].get<std::string>())
                            : Result<SystemTime>(Failure{});
    if (!theirs) {
        report.skip("ca.clock", "the CA service does not tell the time");
        return;
    }
    ca_clock().learn(*theirs);
    judge_clock(report, std::chrono::duration_cast<std::chrono::seconds>(system_clock()() - *theirs),
                "the CA service's");
}

/// Reports why the CA service is not trusted: it is another one, or the same one was set up anew.
void check_pin(DiagnosticReport& report, const Profile& profile) {
    const auto claimed = claimed_trust(profile.ca_url);
    if (!claimed) {
        report.skip("ca.pin", "it does not show its root");
        return;
    }
    judge_root(report, claimed->server_ca, profile.pin, system_clock()());
}

void check_ca(DiagnosticReport& report, const ProfileFolder& folder, const Profile& profile) {
    const auto url = http::HttpsUrl::parse(profile.ca_url);
    if (!url) {
        report.bad("ca.dns", local_refusal(url.error()));
        return;
    }
    if (!check_network(report, "ca", url->address())) {
        report.skip("ca.tls", "it cannot be reached");
        report.skip("ca.clock", "it cannot be reached");
        return;
    }
    auto server_ca = pki::TrustBundle::load(folder.server_ca());
    if (!server_ca) {
        report.bad("ca.tls",
                   Refusal{server_ca.error().code, server_ca.error().detail, "Run: postern login", {}});
        return;
    }
    http::ClientOptions options;
    options.url = profile.ca_url;
    options.server_ca = *std::move(server_ca);
    options.trust_domain = profile.trust_domain;
    const CaRoute route(profile.ca_url);
    options.dial = route.dial();
    auto client = http::Client::make(std::move(options));
    const auto answer = client ? client->get("/v1/trust") : Result<http::ClientAnswer>(client.error());
    if (!answer) {
        const auto on_the_way = route.refusal();
        report.bad("ca.tls", on_the_way ? *on_the_way : ca_refusal(answer.error(), profile.ca_url));
        if (!on_the_way) {
            check_pin(report, profile);
        }
        const Code code = answer.error().code;
        if (code == Code::not_yet_valid || code == Code::expired) {
            check_claimed_clock(report, profile.ca_url);
        } else {
            report.skip("ca.clock", on_the_way ? "it cannot be reached" : "it is not trusted");
        }
        return;
    }
    report.good("ca.tls", fmt::format("it is the CA service of {}", profile.trust_domain));
    const auto trust = ca_api::trust_from_json(answer->body);
    const bool is_pinned =
        trust && shows_root(trust->server_ca.certificates(), profile.pin, system_clock()());
    report.good("ca.pin", is_pinned
                              ? fmt::format("its root is {}", profile.pin)
                              : "its root is a later one than the one you compared; that one vouched for it");
    check_clock(report, *client);
}

std::optional<LoginPtr> check_login(DiagnosticReport& report, const ProfileFolder& folder,
                                    const Profile& profile) {
    const auto now = ca_clock().now();
    auto login = good_login(folder, now);
    if (!login) {
        report.bad("login", login.error());
        return std::nullopt;
    }
    const std::string session = profile.session_expires
                                    ? ", the session lasts until " + local_time(*profile.session_expires, now)
                                    : "";
    report.good("login", (*login)->user() + session);
    const auto& certificate = (*login)->certificate();
    const std::string until = local_time((*login)->not_after(), now);
    if (now < certificate.not_before()) {
        report.bad("certificate", Refusal{Code::not_yet_valid,
                                          fmt::format("it is valid only from {} on",
                                                      local_time(certificate.not_before(), now)),
                                          kSetTheClock,
                                          {}});
    } else if (pki::is_over((*login)->not_after(), now)) {
        report.bad("certificate", Refusal{Code::expired,
                                          fmt::format("it expired at {}", until),
                                          "Run: postern login. If it is new, check this machine's clock.",
                                          {}});
    } else {
        report.good("certificate", fmt::format("of {}, until {}, serial {}", certificate.common_name(), until,
                                               certificate.serial()));
    }
    return *std::move(login);
}

/// Checks a gateway; returns the names of the services that it offers, and no value when it does not answer.
std::optional<std::vector<std::string>> check_gateway(DiagnosticReport& report, const GatewayEntry& entry,
                                                      const LoginPtr& login) {
    const std::string what = "gateway." + entry.name;
    const auto address = net::parse_address(entry.address);
    if (!address || !check_network(report, what, *address)) {
        report.skip(what + ".tls", "it cannot be reached");
        return std::nullopt;
    }
    GatewayEntry gateway = entry;
    LoginPtr shown = login;
    const auto offered = run_to_end(fetch_services_of(std::move(gateway), std::move(shown), kTimeout));
    if (!offered) {
        report.bad(what + ".tls", offered.error());
        return std::nullopt;
    }
    std::vector<std::string> names;
    for (const auto& service : *offered) {
        names.push_back(service.name);
    }
    report.good(what + ".tls", fmt::format("it is the gateway {}, and takes the login", entry.name));
    if (names.empty()) {
        report.bad(
            what + ".policy",
            Refusal{Code::policy_denied,
                    fmt::format("it offers {} nothing", login->user()),
                    "Ask the administrator for a rule in gateway.toml that names you, or one of your groups.",
                    {}});
    } else {
        report.good(what + ".policy", fmt::format("it offers you {}", fmt::join(names, ", ")));
    }
    return names;
}

/// Checks all gateways; returns the services that they offer together, and no value when none answers.
std::optional<std::set<std::string>> check_gateways(DiagnosticReport& report, const LoginPtr& login) {
    std::optional<std::set<std::string>> offered;
    for (const auto& gateway : login->catalogue().gateways) {
        if (const auto names = check_gateway(report, gateway, login)) {
            offered = offered ? offered : std::set<std::string>();
            offered->insert(names->begin(), names->end());
        }
    }
    if (login->catalogue().gateways.empty()) {
        report.bad("gateway",
                   Refusal{Code::unreachable,
                           "the CA's catalogue names no gateway",
                           "The administrator adds a [[gateway]] to ca.toml; then run: postern login",
                           {}});
    }
    return offered;
}

/// Checks the settings first, because a check that uses wrong settings proves nothing. Returns whether they
/// are good.
bool check_settings(DiagnosticReport& report) {
    if (const auto preferences = Preferences::load(); !preferences) {
        report.bad("settings", settings_refusal(preferences.error()));
    } else if (const auto rules = proxy_rules(); !*rules) {
        report.bad("settings", settings_refusal(rules->error()));
    }
    return report.exit_code() == 0;
}

/// The CA service to check before anybody has logged in; empty when none is named.
std::string first_ca(const DoctorOptions& options) {
    const auto preferences = Preferences::load();
    std::string url = options.ca.empty() && preferences ? preferences->ca_url : options.ca;
    return url.empty() || url.find("://") != url.npos ? url : "https://" + url;
}

void check_all(DiagnosticReport& report, const DoctorOptions& options) {
    const auto path = ProfileFolder::default_path();
    const auto folder = path ? ProfileFolder::open(*path) : Result<ProfileFolder>(path.error());
    if (!folder) {
        report.bad("profile", folder_refusal(folder.error()));
        return;
    }
    const auto profile = folder->load();
    if (!profile) {
        const bool is_new = profile.error().code == Code::not_found;
        const Refusal nobody{Code::unauthenticated,
                             "nobody has logged in yet",
                             "Run: postern login --ca https://ca.example.org:7444 --fingerprint sha256:HEX",
                             {}};
        report.bad("profile", is_new ? nobody : local_refusal(profile.error()));
        if (is_new && !first_ca(options).empty()) {
            check_first_contact(report, first_ca(options));
        }
        return;
    }
    report.good("profile", folder->path().string());
    const auto known = check_agent(report);
    check_ca(report, *folder, *profile);
    if (known) {
        report.bad("login", *known);
        return;
    }
    const auto login = check_login(report, *folder, *profile);
    if (!login) {
        return;
    }
    const auto offered = check_gateways(report, *login);
    if (options.service.empty()) {
        return;
    }
    const std::string step = "service." + options.service;
    const Catalogue& catalogue = (*login)->catalogue();
    if (!offered) {
        report.skip(step, "no gateway answers");
    } else if (offered->count(options.service) == 0 && catalogue.is_complete &&
               catalogue.find(options.service) == nullptr) {
        report.bad(step + ".policy",
                   Refusal{Code::policy_denied,
                           fmt::format("the CA lists no service {}, and no gateway offers it to {}",
                                       options.service, (*login)->user()),
                           "See what there is: postern services. A new one is set up by the administrator.",
                           {}});
    } else if (offered->count(options.service) == 0) {
        report.bad(step + ".policy",
                   Refusal{Code::policy_denied,
                           fmt::format("no gateway offers {} to {}", options.service, (*login)->user()),
                           "See what there is (postern services), or ask the administrator for a rule.",
                           {}});
    } else {
        report.good(step + ".policy", fmt::format("{} may use it", (*login)->user()));
        check_service(report, options.service, (*login)->user(), options.database);
    }
}

}  // namespace

int run_doctor(const DoctorOptions& options) {
    DiagnosticReport report;
    if (check_settings(report)) {
        check_all(report, options);
    }
    if (options.as_json) {
        std::puts(ascii_json_text(report.to_json(), 2).c_str());
    } else {
        const std::string text = to_text(report.findings(), has_color(STDOUT_FILENO), has_unicode());
        std::fputs(text.c_str(), stdout);
    }
    return report.exit_code();
}

}  // namespace postern::client

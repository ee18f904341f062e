#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <optional>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "client-proxy/commands/agent_session.hpp"
#include "client-proxy/commands/checkup.hpp"
#include "client-proxy/commands/database_probe.hpp"
#include "client-proxy/commands/terminal.hpp"
#include "client-proxy/login/login_source.hpp"
#include "client-proxy/tunnel/service_list.hpp"
#include "http/client.hpp"

namespace postern::client {

namespace {

namespace asio = boost::asio;

constexpr auto kPatience = std::chrono::seconds(5);
constexpr auto kMostSkew = std::chrono::seconds(30);

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
    const auto dialled = co_await net::dial(std::move(address), kPatience);
    if (!dialled) {
        co_return dialled.error();
    }
    co_return Result<void>();
}

// Whether the steps behind it are worth taking.
bool check_network(Checkup& checkup, const std::string& what, const net::Address& address) {
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    const int error = ::getaddrinfo(address.host.c_str(), address.port.c_str(), &hints, &found);
    if (error != 0) {
        checkup.bad(what + ".dns",
                    Refusal{Code::unreachable,
                            fmt::format("{} has no address: {}", address.host, ::gai_strerror(error)),
                            "Check the name, the DNS server and the VPN.",
                            {}});
        checkup.skip(what + ".tcp", "there is no address");
        return false;
    }
    std::array<char, NI_MAXHOST> text{};
    ::getnameinfo(found->ai_addr, found->ai_addrlen, text.data(), text.size(), nullptr, 0, NI_NUMERICHOST);
    ::freeaddrinfo(found);
    checkup.good(what + ".dns", fmt::format("{} is {}", address.host, text.data()));
    net::Address where = address;
    const auto dialled = run_to_end(try_dial(std::move(where)));
    if (!dialled) {
        checkup.bad(what + ".tcp",
                    Refusal{dialled.error().code,
                            fmt::format("{} does not take connections", address.text()),
                            "Check that the service runs there, and firewalls and the VPN in between.",
                            {}});
        return false;
    }
    checkup.good(what + ".tcp", fmt::format("{} takes connections", address.text()));
    return true;
}

void check_clock(Checkup& checkup, http::Client& client) {
    const auto answer = client.get("/v1/health");
    const auto body = answer ? nlohmann::json::parse(answer->body, nullptr, false) : nlohmann::json();
    const auto theirs = body.is_object() && body.contains("time") && body["time"].is_string()
                            ? parse_time(body["time"].get<std::string>())
                            : Result<SystemTime>(Failure{});
    if (!theirs) {
        checkup.skip("ca.clock", "the CA service does not tell the time");
        return;
    }
    const auto skew = std::chrono::duration_cast<std::chrono::seconds>(system_clock()() - *theirs);
    if (skew > kMostSkew || skew < -kMostSkew) {
        checkup.bad("ca.clock", Refusal{Code::not_yet_valid,
                                        fmt::format("this machine's clock is {} s {}", std::abs(skew.count()),
                                                    skew.count() > 0 ? "ahead" : "behind"),
                                        "Set the clock: timedatectl set-ntp true",
                                        {}});
        return;
    }
    checkup.good("ca.clock", fmt::format("the clocks differ by {} s", std::abs(skew.count())));
}

void check_ca(Checkup& checkup, const ProfileFolder& folder, const Profile& profile) {
    std::string text = profile.ca_url;
    text.erase(0, text.find("//") == text.npos ? 0 : text.find("//") + 2);
    text = text.substr(0, text.find('/'));
    auto address = net::parse_address(text.find(':') == text.npos ? text + ":443" : text);
    if (!address) {
        checkup.bad("ca.dns", local_refusal(address.error()));
        return;
    }
    if (!check_network(checkup, "ca", *address)) {
        checkup.skip("ca.tls", "it cannot be reached");
        checkup.skip("ca.clock", "it cannot be reached");
        return;
    }
    auto server_ca = pki::TrustBundle::load(folder.server_ca());
    if (!server_ca) {
        checkup.bad("ca.tls",
                    Refusal{server_ca.error().code, server_ca.error().detail, "Run: postern login", {}});
        return;
    }
    http::ClientOptions options;
    options.url = profile.ca_url;
    options.server_ca = *std::move(server_ca);
    options.trust_domain = profile.trust_domain;
    auto client = http::Client::make(std::move(options));
    const auto answer = client ? client->get("/v1/trust") : Result<http::ClientAnswer>(client.error());
    if (!answer) {
        checkup.bad("ca.tls", ca_refusal(answer.error(), profile.ca_url));
        checkup.skip("ca.clock", "it is not trusted");
        return;
    }
    checkup.good("ca.tls", fmt::format("it is the CA service of {}", profile.trust_domain));
    check_clock(checkup, *client);
}

std::optional<LoginPtr> check_login(Checkup& checkup, const ProfileFolder& folder) {
    const auto now = system_clock()();
    auto login = good_login(folder, now);
    if (!login) {
        checkup.bad("login", login.error());
        return std::nullopt;
    }
    checkup.good("login", fmt::format("{}, certificate until {}", (*login)->user(),
                                      local_time((*login)->not_after(), now)));
    return *std::move(login);
}

// The names of the services that it offers; nothing when it does not answer.
std::optional<std::vector<std::string>> check_gateway(Checkup& checkup, const GatewayEntry& entry,
                                                      const LoginPtr& login) {
    const std::string what = "gateway." + entry.name;
    const auto address = net::parse_address(entry.address);
    if (!address || !check_network(checkup, what, *address)) {
        checkup.skip(what + ".tls", "it cannot be reached");
        return std::nullopt;
    }
    GatewayEntry gateway = entry;
    LoginPtr shown = login;
    const auto offered = run_to_end(fetch_services_of(std::move(gateway), std::move(shown), kPatience));
    if (!offered) {
        checkup.bad(what + ".tls", offered.error());
        return std::nullopt;
    }
    std::vector<std::string> names;
    for (const auto& service : *offered) {
        names.push_back(service.name);
    }
    checkup.good(what + ".tls", fmt::format("it is the gateway {}, and takes the login", entry.name));
    checkup.good(what + ".policy", names.empty() ? std::string("it offers you nothing")
                                                 : fmt::format("it offers you {}", fmt::join(names, ", ")));
    return names;
}

void check_database(Checkup& checkup, const std::string& service, const std::string& user,
                    const std::string& database) {
    const std::string step = "service." + service;
    auto agent = control::AgentClient::find_or_start();
    if (!agent) {
        checkup.bad("agent", agent.error());
        return;
    }
    checkup.good("agent", "it answers");
    const auto opened =
        agent->call("connect", {{"service", service}, {"mode", "end_to_end"}, {"port", 0}, {"hold", true}});
    if (!opened) {
        checkup.bad(step, opened.error());
        return;
    }
    const auto answer = probe_database((*opened)["opened"]["port"].get<unsigned short>(), user, database);
    if (!answer) {
        checkup.bad(step, answer.error());
        return;
    }
    if (answer->error) {
        checkup.bad(step, explain(*answer->error, service, user));
        return;
    }
    checkup.good(step, "PostgreSQL took the certificate, and goes on to ask for the password");
}

}  // namespace

int run_doctor(const DoctorOptions& options) {
    Checkup checkup;
    const auto path = ProfileFolder::default_path();
    const auto folder = path ? ProfileFolder::open(*path) : Result<ProfileFolder>(path.error());
    const auto profile = folder ? folder->load() : Result<Profile>(folder.error());
    if (!profile) {
        const bool is_new = profile.error().code == Code::not_found;
        const Refusal nobody{Code::unauthenticated,
                             "nobody has logged in yet",
                             "Run: postern login --ca https://ca.example.org:7444 --fingerprint sha256:HEX",
                             {}};
        checkup.bad("profile", is_new ? nobody : local_refusal(profile.error()));
    } else {
        checkup.good("profile", folder->path().string());
        check_ca(checkup, *folder, *profile);
        if (const auto login = check_login(checkup, *folder)) {
            bool is_offered = false;
            for (const auto& gateway : (*login)->catalogue().gateways) {
                if (const auto names = check_gateway(checkup, gateway, *login)) {
                    for (const auto& name : *names) {
                        is_offered = is_offered || name == options.service;
                    }
                }
            }
            if ((*login)->catalogue().gateways.empty()) {
                checkup.bad(
                    "gateway",
                    Refusal{Code::unreachable,
                            "the CA's catalogue names no gateway",
                            "The administrator adds a [[gateway]] to ca.toml; then run: postern login",
                            {}});
            }
            if (!options.service.empty() && !is_offered) {
                checkup.bad(
                    "service." + options.service,
                    Refusal{Code::policy_denied,
                            fmt::format("no gateway offers {} to {}", options.service, (*login)->user()),
                            "See what there is (postern services), or ask the administrator for a rule.",
                            {}});
            } else if (!options.service.empty()) {
                check_database(checkup, options.service, (*login)->user(), options.database);
            }
        }
    }
    if (options.as_json) {
        std::puts(checkup.to_json().dump(2).c_str());
    } else {
        for (const auto& finding : checkup.findings()) {
            std::fputs(to_text(finding, has_color(STDOUT_FILENO)).c_str(), stdout);
        }
    }
    return checkup.exit_code();
}

}  // namespace postern::client

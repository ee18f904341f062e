#include <unistd.h>

#include <charconv>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "client-proxy/agent/agent.hpp"
#include "client-proxy/agent/port_book.hpp"
#include "client-proxy/commands/commands.hpp"
#include "client-proxy/commands/terminal.hpp"
#include "client-proxy/login/login_choice.hpp"
#include "client-proxy/tunnel/service_list.hpp"
#include "pki/device_key.hpp"
#include "pki/identity.hpp"

namespace postern::client {

namespace {

constexpr auto kListPatience = std::chrono::seconds(3);

struct WantedPort {
    std::string service;
    Mode mode = Mode::end_to_end;
    /// Nothing: the remembered one, or the next free one. 0: any, not remembered.
    std::optional<unsigned short> port;

    std::string book_name() const { return mode == Mode::end_to_end ? service : service + "/passthrough"; }
};

Outcome<WantedPort> parse_wanted(const std::string& text, Mode mode) {
    const auto colon = text.find(':');
    WantedPort wanted{text.substr(0, colon), mode, std::nullopt};
    if (!pki::is_resource_name(wanted.service)) {
        return Refusal{Code::config_invalid,
                       fmt::format("'{}' is no service's name", wanted.service),
                       "See what there is: postern services",
                       {}};
    }
    if (colon != text.npos) {
        unsigned short port = 0;
        const char* const end = text.data() + text.size();
        const auto read = std::from_chars(text.data() + colon + 1, end, port);
        if (read.ec != std::errc() || read.ptr != end) {
            return Refusal{Code::config_invalid,
                           fmt::format("'{}' has no good port", text),
                           "A port is a number up to 65535: orders-db:5432",
                           {}};
        }
        wanted.port = port;
    }
    return wanted;
}

Outcome<std::vector<WantedPort>> parse_all_wanted(const ConnectOptions& options) {
    std::vector<WantedPort> all;
    for (const auto& [texts, mode] : {std::pair{&options.end_to_end, Mode::end_to_end},
                                      std::pair{&options.passthrough, Mode::passthrough}}) {
        for (const auto& text : *texts) {
            auto wanted = parse_wanted(text, mode);
            if (!wanted) {
                return wanted.error();
            }
            all.push_back(*std::move(wanted));
        }
    }
    return all;
}

Refusal port_taken(const WantedPort& wanted, unsigned short port, const Failure& failure) {
    if (failure.code != Code::already_exists) {
        return {failure.code, failure.detail, "Choose another port: " + wanted.service + ":PORT", {}};
    }
    return {Code::already_exists,
            fmt::format("port {} is taken by another program", port),
            fmt::format("Choose another one ({}:PORT), or see who it is: ss -ltnp sport = :{}",
                        wanted.service, port),
            {}};
}

// The same port as the last time; at the first time the first free one from 5432 up.
Outcome<unsigned short> listen_somewhere(Agent& agent, const WantedPort& wanted, bool is_postgres,
                                         PortBook& book, Notes& notes) {
    if (wanted.port) {
        auto bound = agent.listen(wanted.service, wanted.mode, is_postgres, *wanted.port);
        if (!bound) {
            return port_taken(wanted, *wanted.port, bound.error());
        }
        if (*wanted.port != 0) {
            book.remember(wanted.book_name(), *bound);
        }
        return *bound;
    }
    const unsigned short remembered = book.find(wanted.book_name());
    unsigned short port =
        remembered != 0 ? remembered : book.next_free(wanted.book_name(), PortBook::kFirst - 1);
    while (port != 0) {
        auto bound = agent.listen(wanted.service, wanted.mode, is_postgres, port);
        if (bound) {
            if (remembered == 0) {
                book.remember(wanted.book_name(), *bound);
            } else if (port != remembered) {
                notes.remark(fmt::format("port {}, where {} was the last time, is taken by another program",
                                         remembered, wanted.service));
            }
            return *bound;
        }
        if (bound.error().code != Code::already_exists) {
            return port_taken(wanted, port, bound.error());
        }
        port = book.next_free(wanted.book_name(), port);
    }
    return Refusal{
        Code::already_exists, "there is no free port", "Choose one: " + wanted.service + ":PORT", {}};
}

// What the gateways say of the services: which are not PostgreSQL, which are not there. Ports open all the
// same when they do not answer now.
class Offers {
public:
    explicit Offers(Outcome<std::vector<OfferedService>> offered) : offered_(std::move(offered)) {}

    /// Whether it is PostgreSQL.
    Outcome<bool> protocol_of(const WantedPort& wanted, Notes& notes) const {
        if (!offered_) {
            return true;
        }
        for (const auto& offered : *offered_) {
            if (offered.name != wanted.service) {
                continue;
            }
            const bool is_postgres = offered.protocol == "postgres";
            if (!is_postgres && wanted.mode == Mode::end_to_end) {
                return Refusal{
                    Code::config_invalid,
                    fmt::format("{} is not PostgreSQL", wanted.service),
                    fmt::format("Let its bytes through untouched: postern connect --passthrough {}",
                                wanted.service),
                    {}};
            }
            return is_postgres;
        }
        notes.remark(
            fmt::format("no gateway offers {} to you now; connections will say why", wanted.service));
        return true;
    }

    std::optional<Refusal> refusal() const {
        return offered_ ? std::nullopt : std::optional(offered_.error());
    }

private:
    Outcome<std::vector<OfferedService>> offered_;
};

// Blocked before the first thread starts, so that every thread inherits it and only wait() takes them.
class StopSignals {
public:
    StopSignals() {
        ::sigemptyset(&signals_);
        ::sigaddset(&signals_, SIGINT);
        ::sigaddset(&signals_, SIGTERM);
        ::sigaddset(&signals_, SIGHUP);
        ::pthread_sigmask(SIG_BLOCK, &signals_, nullptr);
    }
    void wait() const {
        int which = 0;
        ::sigwait(&signals_, &which);
    }

private:
    sigset_t signals_{};
};

Outcome<void> open_ports(Agent& agent, const std::vector<WantedPort>& all, const Offers& offers,
                         const ProfileFolder& folder, Notes& notes, const std::string& user) {
    const auto held = folder.lock("ports.lock");
    if (!held) {
        return local_refusal(held.error());
    }
    PortBook book = PortBook::load(folder);
    for (const auto& wanted : all) {
        const auto is_postgres = offers.protocol_of(wanted, notes);
        if (!is_postgres) {
            return is_postgres.error();
        }
        const auto port = listen_somewhere(agent, wanted, *is_postgres, book, notes);
        if (!port) {
            return port.error();
        }
        notes.listening(wanted.service, wanted.mode == Mode::end_to_end ? "end_to_end" : "passthrough", *port,
                        user);
    }
    if (auto saved = book.save(folder); !saved) {
        return local_refusal(saved.error());
    }
    return {};
}

}  // namespace

int connect(const ConnectOptions& options) {
    const auto wanted = parse_all_wanted(options);
    if (!wanted) {
        return fail_usage(wanted.error().message, wanted.error().hint);
    }
    if (wanted->empty()) {
        return fail_usage("connect to which service?", "See what there is: postern services");
    }
    const auto path = ProfileFolder::default_path();
    const auto folder = path ? ProfileFolder::open(*path) : Result<ProfileFolder>(path.error());
    if (!folder) {
        return fail(local_refusal(folder.error()));
    }
    const StopSignals signals;
    Notes notes(options.as_json ? Notes::Style::json : Notes::Style::human, has_color(STDERR_FILENO));
    AgentOptions agent_options;
    agent_options.admits_other_users = options.admits_other_users;
    if (options.admits_other_users) {
        notes.remark(
            "warning: every user of this machine may use these ports with your login "
            "(--unsafe-any-local-user)");
    }
    Agent agent(notes, agent_options);
    RenewedLogin::Hooks hooks;
    hooks.on_change = [&agent, &notes](LoginPtr login) {
        if (!login) {
            notes.logged_out();
            return;
        }
        notes.renewed(login->not_after());
        agent.show(std::move(login));
    };
    hooks.on_failure = [&notes](const Refusal& refusal) { notes.not_renewed(refusal); };
    // Before the agent goes: it posts to the agent's loops, and the sessions that ask it have ended by then.
    auto logins = open_login(options.login, *folder, std::move(hooks));
    if (!logins) {
        return fail(logins.error());
    }
    const std::string user = (*logins)->latest()->user();
    if (!options.passthrough.empty() && pki::is_on_device((*logins)->latest()->credentials().key)) {
        notes.remark(
            "the login's key is in a device: passed-through programs that want a key file for TLS of their "
            "own "
            "have none");
    }
    agent.set_logins(**logins);
    agent.start();
    const auto login = wait_for_login(**logins, kListPatience);
    const Offers offers(login ? list_services(*login, kListPatience)
                              : Outcome<std::vector<OfferedService>>(login.error()));
    if (const auto refusal = offers.refusal()) {
        notes.remark(fmt::format("for now, {}", refusal->message));
    }
    const auto opened = open_ports(agent, *wanted, offers, *folder, notes, user);
    if (!opened) {
        agent.stop();
        return fail(opened.error());
    }
    if (offers.refusal()) {
        agent.learn_protocols();
    }
    signals.wait();
    agent.stop();
    if ((*logins)->is_busy()) {
        // A renewal waits for a CA that does not answer. What it writes it writes whole.
        std::fflush(nullptr);
        std::_Exit(0);
    }
    return 0;
}

}  // namespace postern::client

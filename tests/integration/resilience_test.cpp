// What a person's connections live through: a stale certificate with many at the door, a gateway that dies
// under load beside another one, a network that goes and comes back.
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <fstream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/relay.hpp"
#include "support/stack.hpp"

namespace postern::test {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

/// As many psql at once, each with one query; how many got its answer.
int at_once(int count, int port, const std::string& user = "alice") {
    const std::string script = fmt::format(
        "for i in $(seq {}); do PGPASSWORD={}-password psql -X -At -h localhost -p {} -U {} -d orders -c "
        "'select 1' & "
        "done; wait",
        count, user, port, user);
    const std::string out = run({"bash", "-c", script}, {}, 120s).out;
    return static_cast<int>(std::count(out.begin(), out.end(), '1'));
}

std::size_t renewals(const Stack& stack) {
    const Outcome outcome = run({program("postern-audit"), "query", stack.ca_folder() / "audit.jsonl",
                                 "--action", "certificate.renewed", "--json"});
    return static_cast<std::size_t>(std::count(outcome.out.begin(), outcome.out.end(), '\n'));
}

TEST(Renewal, IsOneForFiftyConnectionsThatComeWhileTheCertificateIsStale) {
    StackOptions options;
    options.ca = "certificate_lifetime = \"9s\"\n";
    options.limits = "connections_per_service = 200\nconnections_per_service_and_identity = 100\n";
    Stack stack(options);
    const Laptop alice(stack, "alice");
    ASSERT_EQ(alice.login().exit_code, 0);
    const Agent agent(alice);
    ASSERT_EQ(at_once(1, agent.port()), 1);
    std::size_t before = 0;
    {
        // Asleep until the certificate has expired.
        const Pause pause(agent.agent_pid());
        before = renewals(stack);
        std::this_thread::sleep_for(11s);
    }
    EXPECT_EQ(at_once(50, agent.port()), 50);
    // The next one is due six seconds after the first.
    EXPECT_LE(renewals(stack) - before, 2U);
    EXPECT_GE(renewals(stack) - before, 1U);
}

/// A second gateway beside the stack's own, for the same database.
class SecondGateway {
public:
    explicit SecondGateway(Stack& stack) : folder_(stack.folder() / "gateway2"), port_(free_port()) {
        std::filesystem::create_directories(folder_);
        std::ofstream(stack.ca_folder() / "ca.toml", std::ios::app)
            << fmt::format("[[gateway]]\nname = \"gw2\"\naddress = \"localhost:{}\"\n", port_);
        stack.ca().signal(SIGHUP);
        std::ifstream first(stack.gateway_config());
        std::string config((std::istreambuf_iterator<char>(first)), std::istreambuf_iterator<char>());
        const auto put = [&](const std::string& from, const std::string& to) {
            config.replace(config.find(from), from.size(), to);
        };
        put("\"gw1\"", "\"gw2\"");
        put(fmt::format("127.0.0.1:{}", stack.gateway_port()), fmt::format("127.0.0.1:{}", port_));
        std::ofstream(folder_ / "gateway.toml") << config;
        const std::string token = stack.ca_command(
            {"token", "create", "--gateway", "gw2", "--dns", "localhost", "--dns", "127.0.0.1", "--json"});
        const Outcome enrolled =
            run({program("postern-gateway"), "enroll", "--config", folder_ / "gateway.toml", "--ca",
                 stack.ca_url(), "--fingerprint", stack.fingerprint(), "--token",
                 nlohmann::json::parse(token).at("token")});
        EXPECT_EQ(enrolled.exit_code, 0) << enrolled.err;
        process_ = std::make_unique<Process>(std::vector<std::string>{program("postern-gateway"), "serve",
                                                                      "--config", folder_ / "gateway.toml"});
        EXPECT_TRUE(eventually([&] {
            return run({"openssl", "s_client", "-connect", fmt::format("localhost:{}", port_), "-brief"}, {},
                       5s)
                       .err.find("TLSv1.3") != std::string::npos;
        })) << process_->err();
    }

private:
    std::filesystem::path folder_;
    int port_;
    std::unique_ptr<Process> process_;
};

TEST(Gateways, OneThatDiesUnderLoadLeavesTheOther) {
    Stack stack;
    const SecondGateway second(stack);
    const Laptop alice(stack, "alice");
    ASSERT_EQ(alice.login().exit_code, 0);
    const Agent agent(alice);
    ASSERT_EQ(at_once(4, agent.port()), 4);
    std::atomic<bool> is_over = false;
    std::atomic<int> failed_after = 0;
    std::atomic<int> good_after = 0;
    std::atomic<bool> is_dead = false;
    std::vector<std::thread> people;
    for (int i = 0; i < 4; ++i) {
        people.emplace_back([&] {
            while (!is_over) {
                const bool began_after = is_dead;
                const Outcome outcome = psql(agent.port(), "select count(*) from generate_series(1, 1000)");
                if (began_after) {
                    outcome.out == "1000\n" ? ++good_after : ++failed_after;
                }
            }
        });
    }
    stack.kill_gateway();
    is_dead = true;
    EXPECT_TRUE(eventually([&] { return good_after >= 20; }, 60s));
    is_over = true;
    for (auto& one : people) {
        one.join();
    }
    // Whoever begins after the first one's death finds the second one.
    EXPECT_EQ(failed_after, 0);
}

TEST(Network, ThatComesBackCarriesTheNextConnection) {
    Stack stack;
    const Laptop alice(stack, "alice");
    ASSERT_EQ(alice.login().exit_code, 0);
    const Agent agent(alice);
    ASSERT_EQ(psql(agent.port(), "select 'let in'").out, "let in\n");
    stack.kill_gateway();
    const Outcome gone = psql(agent.port(), "select 1");
    EXPECT_THAT(gone.err, HasSubstr("FATAL"));
    EXPECT_THAT(gone.err, HasSubstr("cannot be reached"));
    stack.start_gateway();
    // The very first one, without a pause that failures have made longer.
    EXPECT_EQ(psql(agent.port(), "select 'let in'").out, "let in\n");
}

/// A laptop on a network of its own, with one line to the rest of the world.
class Away {
public:
    Away() : name_(fmt::format("postern{}", ::getpid())), line_(fmt::format("pst{}", ::getpid())) {
        ip({"netns", "add", name_});
        ip({"link", "add", line_, "type", "veth", "peer", "name", "eth0", "netns", name_});
        ip({"address", "add", fmt::format("{}/24", kHome), "dev", line_});
        ip({"link", "set", line_, "up"});
        inside({"address", "add", "169.254.213.2/24", "dev", "eth0"});
        inside({"link", "set", "lo", "up"});
        inside({"link", "set", "eth0", "up"});
    }
    ~Away() {
        // The namespace itself lives as long as the kernel tries to end its connections.
        run({"ip", "link", "delete", line_});
        run({"ip", "netns", "delete", name_});
    }
    Away(const Away&) = delete;
    Away& operator=(const Away&) = delete;

    static constexpr const char* kHome = "169.254.213.1";

    void cut() const { ip({"link", "set", line_, "down"}); }
    void restore() const { ip({"link", "set", line_, "up"}); }
    /// Another Wi-Fi.
    void move(const std::string& from, const std::string& to) const {
        inside({"address", "delete", from + "/24", "dev", "eth0"});
        inside({"address", "add", to + "/24", "dev", "eth0"});
    }
    std::vector<std::string> command(std::vector<std::string> words) const {
        words.insert(words.begin(), {"ip", "netns", "exec", name_});
        return words;
    }
    Outcome psql(int port, std::chrono::milliseconds patience = 60s) const {
        ProcessOptions options;
        options.environment["PGPASSWORD"] = "alice-password";
        return run(command({"psql", "-X", "-At", "-h", "127.0.0.1", "-p", std::to_string(port), "-U", "alice",
                            "-d", "orders", "-c", "select 'let in'"}),
                   options, patience);
    }

private:
    static void ip(std::vector<std::string> words) {
        words.insert(words.begin(), "ip");
        const Outcome outcome = run(words);
        ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
    }
    void inside(std::vector<std::string> words) const {
        words.insert(words.begin(), {"-netns", name_});
        ip(words);
    }

    const std::string name_;
    const std::string line_;
};

/// Of a laptop that is away: the agent reaches the gateway over the line.
class AgentAway {
public:
    AgentAway(const Stack& stack, const Laptop& laptop, const Away& away)
        : gateway_(stack.gateway_port(), Away::kHome), port_(free_port()) {
        std::vector<std::string> words{program("postern"),
                                       "connect",
                                       fmt::format("orders-db:{}", port_),
                                       "--json",
                                       "--cert",
                                       laptop.certificate(),
                                       "--key",
                                       laptop.key(),
                                       "--gateway",
                                       fmt::format("gw1={}:{}", Away::kHome, gateway_.port())};
        process_ = std::make_unique<Process>(away.command(std::move(words)), laptop.options());
        process_->wait_for_out(std::to_string(port_));
    }
    int port() const { return port_; }

private:
    Relay gateway_;
    int port_;
    std::unique_ptr<Process> process_;
};

std::chrono::milliseconds since(std::chrono::steady_clock::time_point began) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - began);
}

class OnANetworkOfItsOwn : public testing::Test {
protected:
    void SetUp() override {
        if (::geteuid() != 0 || run({"ip", "netns", "list"}).exit_code != 0) {
            GTEST_SKIP() << "a network of its own takes root and iproute2";
        }
        stack_ = std::make_unique<Stack>();
        alice_ = std::make_unique<Laptop>(*stack_, "alice");
        ASSERT_EQ(alice_->login().exit_code, 0);
        // The one that logged in is at home.
        ASSERT_EQ(alice_->postern({"agent", "--stop"}).exit_code, 0);
        away_ = std::make_unique<Away>();
        agent_ = std::make_unique<AgentAway>(*stack_, *alice_, *away_);
        const Outcome first = away_->psql(agent_->port());
        ASSERT_EQ(first.out, "let in\n") << first.err;
    }
    void TearDown() override {
        agent_.reset();
        away_.reset();
    }

    std::unique_ptr<Stack> stack_;
    std::unique_ptr<Laptop> alice_;
    std::unique_ptr<Away> away_;
    std::unique_ptr<AgentAway> agent_;
};

TEST_F(OnANetworkOfItsOwn, ALineThatComesBackCarriesANewConnectionWithinTwoSeconds) {
    away_->cut();
    const Outcome gone = away_->psql(agent_->port());
    EXPECT_THAT(gone.err, HasSubstr("FATAL"));
    EXPECT_THAT(gone.err, HasSubstr("cannot be reached"));
    away_->restore();
    const auto began = std::chrono::steady_clock::now();
    const Outcome back = away_->psql(agent_->port());
    EXPECT_EQ(back.out, "let in\n") << back.err;
    EXPECT_LT(since(began), 2s);
}

// The kernel still looks for a neighbour on behalf of those who tried before, and fails all who wait for it.
TEST_F(OnANetworkOfItsOwn, WhoeverConnectsOnceTheLineIsBackGetsThroughWhileOthersHaveTried) {
    std::atomic<bool> is_over = false;
    std::vector<std::thread> others;
    for (int i = 0; i < 4; ++i) {
        others.emplace_back([&, i] {
            std::this_thread::sleep_for(i * 300ms);
            while (!is_over) {
                away_->psql(agent_->port());
                std::this_thread::sleep_for(100ms);
            }
        });
    }
    for (int round = 0; round < 4; ++round) {
        away_->cut();
        std::this_thread::sleep_for(2300ms + round * 300ms);
        away_->restore();
        const auto began = std::chrono::steady_clock::now();
        const Outcome back = away_->psql(agent_->port());
        EXPECT_EQ(back.out, "let in\n") << back.err;
        EXPECT_LT(since(began), 2s);
    }
    is_over = true;
    for (auto& other : others) {
        other.join();
    }
}

TEST_F(OnANetworkOfItsOwn, AnotherAddressCarriesANewConnectionWithinTwoSeconds) {
    away_->move("169.254.213.2", "169.254.213.3");
    const auto began = std::chrono::steady_clock::now();
    const Outcome back = away_->psql(agent_->port());
    EXPECT_EQ(back.out, "let in\n") << back.err;
    EXPECT_LT(since(began), 2s);
}

}  // namespace
}  // namespace postern::test

// What a person's connections live through: a stale certificate with many at the door, a gateway that dies
// under load beside another one, one that comes back.
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

#include "base/json.hpp"
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
    const ProcessResult outcome = run({program("postern-audit"), "query", stack.ca_folder() / "audit.jsonl",
                                       "--action", "certificate.renewed", "--json"});
    return static_cast<std::size_t>(std::count(outcome.out.begin(), outcome.out.end(), '\n'));
}

TEST(Renewal, IsOneForFiftyConnectionsThatComeWhileTheCertificateIsStale) {
    StackOptions options;
    // Longer than fifty psql take on a busy machine.
    options.ca = "certificate_lifetime = \"20s\"\n";
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
        EXPECT_TRUE(eventually(
            [&] {
                return run({"openssl", "x509", "-noout", "-checkend", "0", "-in", alice.certificate()})
                           .exit_code == 1;
            },
            60s));
    }
    EXPECT_EQ(at_once(50, agent.port()), 50);
    // The next one is due some thirteen seconds after the first.
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
        const ProcessResult enrolled = run({program("postern-gateway"), "enroll", "--config",
                                            folder_ / "gateway.toml", "--ca", stack.ca_url(), "--fingerprint",
                                            stack.fingerprint(), "--token", parse_json(token).at("token")});
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
                const ProcessResult outcome =
                    psql(agent.port(), "select count(*) from generate_series(1, 1000)");
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

TEST(Gateways, OneThatComesBackCarriesTheNextConnection) {
    Stack stack;
    const Laptop alice(stack, "alice");
    ASSERT_EQ(alice.login().exit_code, 0);
    const Agent agent(alice);
    ASSERT_EQ(psql(agent.port(), "select 'let in'").out, "let in\n");
    stack.kill_gateway();
    const ProcessResult gone = psql(agent.port(), "select 1");
    EXPECT_THAT(gone.err, HasSubstr("FATAL"));
    EXPECT_THAT(gone.err, HasSubstr("cannot be reached"));
    stack.start_gateway();
    // The very first one, without a pause that failures have made longer.
    EXPECT_EQ(psql(agent.port(), "select 'let in'").out, "let in\n");
}

}  // namespace
}  // namespace postern::test

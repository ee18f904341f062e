// A laptop whose network goes, comes back and changes, and how soon the next connection gets through.
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/relay.hpp"
#include "support/shared_stack.hpp"

namespace postern::test {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

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
    ProcessResult psql(int port, std::chrono::milliseconds timeout = 60s) const {
        ProcessOptions options;
        options.environment["PGPASSWORD"] = "alice-password";
        return run(command({"psql", "-X", "-At", "-h", "127.0.0.1", "-p", std::to_string(port), "-U", "alice",
                            "-d", "orders", "-c", "select 'let in'"}),
                   options, timeout);
    }

private:
    static void ip(std::vector<std::string> words) {
        words.insert(words.begin(), "ip");
        const ProcessResult outcome = run(words);
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

class OnANetworkOfItsOwn : public SharedStack {
protected:
    void SetUp() override {
        if (::geteuid() != 0 || run({"ip", "netns", "list"}).exit_code != 0) {
            GTEST_SKIP() << "a network of its own takes root and iproute2";
        }
        alice_ = std::make_unique<Laptop>(logged_in());
        // The one that logged in is at home.
        ASSERT_EQ(alice_->postern({"agent", "--stop"}).exit_code, 0);
        away_ = std::make_unique<Away>();
        agent_ = std::make_unique<AgentAway>(*stack_, *alice_, *away_);
        const ProcessResult first = away_->psql(agent_->port());
        ASSERT_EQ(first.out, "let in\n") << first.err;
    }
    void TearDown() override {
        agent_.reset();
        away_.reset();
    }

    std::unique_ptr<Laptop> alice_;
    std::unique_ptr<Away> away_;
    std::unique_ptr<AgentAway> agent_;
};

TEST_F(OnANetworkOfItsOwn, ALineThatComesBackCarriesANewConnectionWithinTwoSeconds) {
    away_->cut();
    const ProcessResult gone = away_->psql(agent_->port());
    EXPECT_THAT(gone.err, HasSubstr("FATAL"));
    EXPECT_THAT(gone.err, HasSubstr("cannot be reached"));
    away_->restore();
    const auto began = std::chrono::steady_clock::now();
    const ProcessResult back = away_->psql(agent_->port());
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
        const ProcessResult back = away_->psql(agent_->port());
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
    const ProcessResult back = away_->psql(agent_->port());
    EXPECT_EQ(back.out, "let in\n") << back.err;
    EXPECT_LT(since(began), 2s);
}

}  // namespace
}  // namespace postern::test

// Strangers at the gateway's, the CA service's and the agent's ports: slow, silent, loud and malformed. Each
// is bounded, and a good client is served within two seconds all the while.
#include <algorithm>
#include <chrono>
#include <initializer_list>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/stack.hpp"
#include "support/swarm.hpp"

namespace postern::test {
namespace {

using namespace std::chrono_literals;

Swarm::Options at(int port, int count, Swarm::Words words, SSL_CTX* tls = nullptr) {
    Swarm::Options options;
    options.port = port;
    options.count = count;
    options.words = std::move(words);
    options.tls = tls;
    return options;
}

/// The text, a byte a turn, over and over.
Swarm::Words a_byte_a_turn(std::string text) {
    return [text = std::move(text)](int, int turn) {
        return text.substr(static_cast<std::size_t>(turn) % text.size(), 1);
    };
}

std::string silence(int, int) {
    return {};
}

class Abuse : public testing::Test {
protected:
    static void SetUpTestSuite() {
        stack_ = std::make_unique<Stack>();
        alice_ = std::make_unique<Laptop>(*stack_, "alice");
        ASSERT_EQ(alice_->login().exit_code, 0);
        agent_ = std::make_unique<Agent>(*alice_);
    }
    static void TearDownTestSuite() {
        agent_.reset();
        alice_.reset();
        stack_.reset();
    }
    static int gateway_port() { return stack_->gateway_port(); }
    static int ca_port() { return std::stoi(stack_->ca_url().substr(stack_->ca_url().rfind(':') + 1)); }

    /// A new psql through agent and gateway, and a new login at the CA, each within two seconds.
    static void expect_good_service() {
        const auto began = std::chrono::steady_clock::now();
        const ProcessResult query = psql(agent_->port(), "select 'let in'");
        EXPECT_EQ(query.out, "let in\n") << query.err;
        EXPECT_LT(std::chrono::steady_clock::now() - began, 2s) << "psql";
        const auto before_login = std::chrono::steady_clock::now();
        EXPECT_EQ(alice_->login().exit_code, 0);
        EXPECT_LT(std::chrono::steady_clock::now() - before_login, 2s) << "login";
    }

    /// The good are served for as long as any of the bad holds on, and none of these holds on for longer than
    /// ten seconds (and what it takes to see that).
    static void expect_good_service_until_cut(std::initializer_list<const Swarm*> swarms) {
        const auto is_any_alive = [&] {
            return std::any_of(swarms.begin(), swarms.end(),
                               [](const Swarm* swarm) { return swarm->alive() > 0; });
        };
        const auto end = std::chrono::steady_clock::now() + 20s;
        do {
            expect_good_service();
        } while (is_any_alive() && std::chrono::steady_clock::now() < end);
        for (const Swarm* swarm : swarms) {
            const auto lasted = swarm->lasted(0s);
            EXPECT_TRUE(lasted) << swarm->alive() << " hold on";
            EXPECT_LE(lasted.value_or(0s), 12s);
        }
    }
    static pki::SslCtxPtr as_alice() { return careless_client(alice_->certificate(), alice_->key()); }

    static std::unique_ptr<Stack> stack_;
    static std::unique_ptr<Laptop> alice_;
    static std::unique_ptr<Agent> agent_;
};

std::unique_ptr<Stack> Abuse::stack_;
std::unique_ptr<Laptop> Abuse::alice_;
std::unique_ptr<Agent> Abuse::agent_;

TEST_F(Abuse, AByteASecondInTheHandshake) {
    const Swarm at_gateway(at(gateway_port(), 500, a_byte_a_turn(client_hello())));
    const Swarm at_ca(at(ca_port(), 500, a_byte_a_turn(client_hello())));
    expect_good_service_until_cut({&at_gateway, &at_ca});
}

TEST_F(Abuse, AByteASecondInTheRequestHead) {
    const auto with_certificate = as_alice();
    const auto without = careless_client();
    const std::size_t before = stack_->records().size();
    const Swarm at_gateway(at(gateway_port(), 500, a_byte_a_turn("CONNECT orders-db:5432 HTTP/1.1\r\n"),
                              with_certificate.get()));
    // One address has half of the places for strangers at the most, and these are shared out among the loops.
    const Swarm at_ca(at(ca_port(), 250, a_byte_a_turn("POST /v1/login HTTP/1.1\r\n"), without.get()));
    expect_good_service_until_cut({&at_gateway, &at_ca});
    const auto record = stack_->wait_for_record("connection.rejected", "timed_out", before);
    EXPECT_EQ(record["user"]["name"], "alice");
}

TEST_F(Abuse, SilentPeersAreCutWithinTenSeconds) {
    const Swarm at_gateway(at(gateway_port(), 2000, silence));
    const Swarm at_ca(at(ca_port(), 2000, silence));
    expect_good_service_until_cut({&at_gateway, &at_ca});
}

TEST_F(Abuse, MutatedClientHellosAndRandomBytes) {
    std::mt19937 random(20261122);
    const std::string hello = client_hello();
    std::vector<std::string> said;
    for (int i = 0; i < 400; ++i) {
        std::string text = hello;
        if (i % 4 == 0) {
            for (char& c : text) {
                c = static_cast<char>(random() & 0xff);
            }
        } else {
            for (unsigned changes = 1 + random() % 8; changes > 0; --changes) {
                text[random() % text.size()] = static_cast<char>(random() & 0xff);
            }
        }
        said.push_back(text);
    }
    const auto next = [&](int i, int turn) {
        return turn == 0 ? said[static_cast<std::size_t>(i)] : std::string();
    };
    const Swarm at_gateway(at(gateway_port(), 400, next));
    const Swarm at_ca(at(ca_port(), 400, next));
    expect_good_service_until_cut({&at_gateway, &at_ca});
}

TEST_F(Abuse, HeadersAndBodiesWithoutEnd) {
    const auto with_certificate = as_alice();
    const auto without = careless_client();
    const auto without_end = [](std::string start, std::string more) {
        return [start = std::move(start), more = std::move(more)](int, int turn) {
            return turn == 0 ? start : more;
        };
    };
    std::string headers;
    while (headers.size() < 4096) {
        headers += "X-Filler: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n";
    }
    const std::string chunk = "1000\r\n" + std::string(4096, ' ') + "\r\n";
    const auto endless = [&](int port, SSL_CTX* tls, const std::string& start, const std::string& more) {
        Swarm::Options options = at(port, 25, without_end(start, more), tls);
        options.pace = 5ms;
        return options;
    };
    const Swarm connects(
        endless(gateway_port(), with_certificate.get(), "CONNECT orders-db:5432 HTTP/1.1\r\n", headers));
    const Swarm gets(endless(ca_port(), without.get(), "GET / HTTP/1.1\r\n", headers));
    const Swarm chunks(endless(ca_port(), without.get(),
                               "POST /v1/login HTTP/1.1\r\nHost: ca\r\nContent-Type: application/json\r\n"
                               "Transfer-Encoding: chunked\r\n\r\n",
                               chunk));
    const Swarm bodies(endless(ca_port(), without.get(),
                               "POST /v1/login HTTP/1.1\r\nHost: ca\r\nContent-Type: application/json\r\n"
                               "Content-Length: 1000000000000\r\n\r\n",
                               std::string(4096, ' ')));
    expect_good_service_until_cut({&connects, &gets, &chunks, &bodies});
    EXPECT_THAT(connects.heard(0), testing::StartsWith("HTTP/1.1 413"));
    EXPECT_THAT(gets.heard(0), testing::StartsWith("HTTP/1.1 413"));
    EXPECT_THAT(chunks.heard(0), testing::StartsWith("HTTP/1.1 400"));
    EXPECT_THAT(bodies.heard(0), testing::StartsWith("HTTP/1.1 413"));
}

TEST_F(Abuse, OfTheAgentsPortDialsNothing) {
    const std::string active = "select count(*) from pg_stat_activity where usename = 'alice'";
    ASSERT_TRUE(eventually([&] { return stack_->postgres().sql(active) == "0"; }));
    const std::size_t before = stack_->records().size();
    {
        const std::string half = std::string("\x00\x00\x00\x54\x00\x03\x00\x00user", 12);
        const auto next = [&](int i, int turn) { return turn == 0 && i % 2 == 0 ? half : std::string(); };
        const Swarm end_to_end(at(agent_->port(), 500, next));
        const Swarm passed_through(at(agent_->passthrough_port(), 500, [](int i, int turn) {
            return turn == 0 && i % 2 == 0 ? std::string("\x00\x00\x00\x08\x04", 5) : std::string();
        }));
        const auto began = std::chrono::steady_clock::now();
        EXPECT_EQ(psql(agent_->port(), "select 'let in'").out, "let in\n");
        EXPECT_LT(std::chrono::steady_clock::now() - began, 2s);
        EXPECT_TRUE(end_to_end.lasted()) << end_to_end.alive();
        EXPECT_TRUE(passed_through.lasted()) << passed_through.alive();
    }
    int tunnels = 0;
    const auto records = stack_->records();
    for (std::size_t i = before; i < records.size(); ++i) {
        tunnels += records[i]["event"]["action"] == "connection.accepted" ? 1 : 0;
    }
    EXPECT_EQ(tunnels, 1) << "only psql's own";
}

TEST_F(Abuse, LeavesTheAuditLogWholeAndThePortsOpen) {
    expect_good_service();
    const ProcessResult verified = stack_->verify_audit();
    EXPECT_EQ(verified.exit_code, 0) << verified.out << verified.err;
}

}  // namespace
}  // namespace postern::test

// Strangers at the gateway's, the CA service's and the agent's ports: slow, silent, loud and malformed. Each
// is bounded, and a good client is served within two seconds all the while.
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/ssl.h>

#include "base/unique_fd.hpp"
#include "pki/openssl.hpp"
#include "support/stack.hpp"

namespace postern::test {
namespace {

using namespace std::chrono_literals;
using SteadyTime = std::chrono::steady_clock::time_point;

UniqueFd connect_to(int port) {
    UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
        return UniqueFd();
    }
    return fd;
}

bool send_text(int fd, std::string_view text) {
    return ::send(fd, text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT) ==
           static_cast<ssize_t>(text.size());
}

/// Whether the other side has closed; what it said before is thrown away.
bool is_closed(int fd) {
    std::string block(65536, '\0');
    while (true) {
        const ssize_t got = ::recv(fd, block.data(), block.size(), MSG_DONTWAIT);
        if (got == 0 || (got < 0 && errno != EAGAIN && errno != EWOULDBLOCK)) {
            return true;
        }
        if (got < 0) {
            return false;
        }
    }
}

/// What a real client says first.
std::string client_hello() {
    const pki::SslCtxPtr context(SSL_CTX_new(TLS_client_method()));
    const pki::SslPtr ssl(SSL_new(context.get()));
    SSL_set_bio(ssl.get(), BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    SSL_connect(ssl.get());
    std::string hello(4096, '\0');
    hello.resize(static_cast<std::size_t>(
        BIO_read(SSL_get_wbio(ssl.get()), hello.data(), static_cast<int>(hello.size()))));
    return hello;
}

/// Peers that each say `next(i, turn)` once a second, until they are cut off.
class Swarm {
public:
    Swarm(int port, int count, std::function<std::string(int, int)> next) : next_(std::move(next)) {
        for (int i = 0; i < count; ++i) {
            peers_.push_back(connect_to(port));
        }
        began_ = std::chrono::steady_clock::now();
        thread_ = std::thread([this] { talk(); });
    }
    ~Swarm() {
        is_over_ = true;
        thread_.join();
    }
    /// Whether every one of them is cut off within the time, from when all were connected.
    bool is_cut_within(std::chrono::seconds patience) {
        return eventually([&] { return alive_ == 0; },
                          patience - std::chrono::duration_cast<std::chrono::milliseconds>(
                                         std::chrono::steady_clock::now() - began_));
    }
    int alive() const { return alive_; }

private:
    void talk() {
        alive_ = static_cast<int>(peers_.size());
        for (int turn = 0; !is_over_; ++turn) {
            int alive = 0;
            for (std::size_t i = 0; i < peers_.size(); ++i) {
                if (!peers_[i]) {
                    continue;
                }
                if (is_closed(peers_[i].get())) {
                    peers_[i] = UniqueFd();
                    continue;
                }
                const std::string text = next_(static_cast<int>(i), turn);
                if (!text.empty()) {
                    send_text(peers_[i].get(), text);
                }
                ++alive;
            }
            alive_ = alive;
            for (int i = 0; i < 10 && !is_over_; ++i) {
                std::this_thread::sleep_for(100ms);
            }
        }
    }

    std::vector<UniqueFd> peers_;
    std::function<std::string(int, int)> next_;
    SteadyTime began_;
    std::atomic<int> alive_ = 1;
    std::atomic<bool> is_over_ = false;
    std::thread thread_;
};

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

    /// A new psql through agent and gateway, and a new login at the CA, each within two seconds. Several
    /// times over.
    static void expect_good_service(int times = 3) {
        for (int i = 0; i < times; ++i) {
            const auto began = std::chrono::steady_clock::now();
            const Outcome query = psql(agent_->port(), "select 'let in'");
            EXPECT_EQ(query.out, "let in\n") << query.err;
            EXPECT_LT(std::chrono::steady_clock::now() - began, 2s) << "psql";
            const auto before_login = std::chrono::steady_clock::now();
            EXPECT_EQ(alice_->login().exit_code, 0);
            EXPECT_LT(std::chrono::steady_clock::now() - before_login, 2s) << "login";
        }
    }

    static std::unique_ptr<Stack> stack_;
    static std::unique_ptr<Laptop> alice_;
    static std::unique_ptr<Agent> agent_;
};

std::unique_ptr<Stack> Abuse::stack_;
std::unique_ptr<Laptop> Abuse::alice_;
std::unique_ptr<Agent> Abuse::agent_;

TEST_F(Abuse, AByteASecondInTheHandshake) {
    const std::string hello = client_hello();
    const auto next = [&](int, int turn) {
        return hello.substr(static_cast<std::size_t>(turn) % hello.size(), 1);
    };
    Swarm at_gateway(gateway_port(), 500, next);
    Swarm at_ca(ca_port(), 500, next);
    expect_good_service();
    EXPECT_TRUE(at_gateway.is_cut_within(15s)) << at_gateway.alive();
    EXPECT_TRUE(at_ca.is_cut_within(15s)) << at_ca.alive();
}

TEST_F(Abuse, SilentPeersAreCutWithinTenSeconds) {
    const auto silence = [](int, int) { return std::string(); };
    Swarm at_gateway(gateway_port(), 2000, silence);
    Swarm at_ca(ca_port(), 2000, silence);
    expect_good_service();
    EXPECT_TRUE(at_gateway.is_cut_within(12s)) << at_gateway.alive();
    EXPECT_TRUE(at_ca.is_cut_within(12s)) << at_ca.alive();
}

TEST_F(Abuse, AByteASecondInTheRequestHead) {
    // openssl s_client does the handshake with alice's right certificate; the head then comes a byte a
    // second.
    std::vector<Process> slow;
    const std::string script =
        "(for i in $(seq 1 60); do printf 'C'; sleep 1; done) | timeout 30 openssl s_client -quiet "
        "-connect " +
        stack_->gateway_address() + " -CAfile " + stack_->server_ca().string() + " -cert " +
        alice_->certificate().string() + " -key " + alice_->key().string();
    for (int i = 0; i < 50; ++i) {
        slow.emplace_back(std::vector<std::string>{"bash", "-c", "exec 2>/dev/null; " + script});
    }
    expect_good_service(2);
    const std::size_t before = stack_->records().size();
    stack_->wait_for_record("connection.rejected", "timed_out", before > 60 ? before - 60 : 0);
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
    Swarm at_gateway(gateway_port(), 400, next);
    Swarm at_ca(ca_port(), 400, next);
    expect_good_service();
    EXPECT_TRUE(at_gateway.is_cut_within(15s)) << at_gateway.alive();
    EXPECT_TRUE(at_ca.is_cut_within(15s)) << at_ca.alive();
}

TEST_F(Abuse, HeadersAndBodiesWithoutEnd) {
    ProcessOptions options;
    options.environment = {{"CA", stack_->ca_url()},           {"CA_PORT", std::to_string(ca_port())},
                           {"SERVER_CA", stack_->server_ca()}, {"GATEWAY", stack_->gateway_address()},
                           {"CERT", alice_->certificate()},    {"KEY", alice_->key()}};
    const std::vector<std::string> scripts{
        "curl -s -m 20 --cacert $SERVER_CA -H 'Content-Type: application/json' -T - -X POST $CA/v1/login -o "
        "/dev/null -w '%{http_code}' < /dev/zero",
        "curl -s -m 20 --cacert $SERVER_CA -H 'Transfer-Encoding: chunked' -T - -X POST $CA/v1/login -o "
        "/dev/null -w '%{http_code}' < /dev/zero",
        "(printf 'GET / HTTP/1.1\\r\\n'; yes 'X-Filler: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa') | timeout 20 "
        "openssl s_client -quiet -connect localhost:$CA_PORT "
        "-CAfile $SERVER_CA >/dev/null 2>&1; echo done",
        "(printf 'CONNECT orders-db:5432 HTTP/1.1\\r\\n'; yes 'X-Filler: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa') | "
        "timeout 20 openssl s_client -quiet "
        "-connect $GATEWAY -CAfile $SERVER_CA -cert $CERT -key $KEY 2>/dev/null | head -1"};
    std::vector<Process> endless;
    for (const std::string& script : scripts) {
        for (int i = 0; i < 5; ++i) {
            endless.emplace_back(std::vector<std::string>{"bash", "-c", script}, options);
        }
    }
    expect_good_service();
    for (Process& process : endless) {
        EXPECT_TRUE(process.wait(15s)) << "an endless request was not ended";
    }
    EXPECT_THAT(endless[0].out(), testing::AnyOf("400", "411", "413"));
}

TEST_F(Abuse, OfTheAgentsPortDialsNothing) {
    const std::string active = "select count(*) from pg_stat_activity where usename = 'alice'";
    ASSERT_TRUE(eventually([&] { return stack_->postgres().sql(active) == "0"; }));
    const std::size_t before = stack_->records().size();
    {
        const std::string half = std::string("\x00\x00\x00\x54\x00\x03\x00\x00user", 12);
        const auto next = [&](int i, int turn) { return turn == 0 && i % 2 == 0 ? half : std::string(); };
        Swarm end_to_end(agent_->port(), 500, next);
        Swarm passed_through(agent_->passthrough_port(), 500, [](int i, int turn) {
            return turn == 0 && i % 2 == 0 ? std::string("\x00\x00\x00\x08\x04", 5) : std::string();
        });
        const auto began = std::chrono::steady_clock::now();
        EXPECT_EQ(psql(agent_->port(), "select 'let in'").out, "let in\n");
        EXPECT_LT(std::chrono::steady_clock::now() - began, 2s);
        EXPECT_TRUE(end_to_end.is_cut_within(15s)) << end_to_end.alive();
        EXPECT_TRUE(passed_through.is_cut_within(15s)) << passed_through.alive();
    }
    int tunnels = 0;
    const auto records = stack_->records();
    for (std::size_t i = before; i < records.size(); ++i) {
        tunnels += records[i]["event"]["action"] == "connection.accepted" ? 1 : 0;
    }
    EXPECT_EQ(tunnels, 1) << "only psql's own";
}

TEST_F(Abuse, LeavesTheAuditLogWholeAndThePortsOpen) {
    expect_good_service(1);
    const Outcome verified = stack_->verify_audit();
    EXPECT_EQ(verified.exit_code, 0) << verified.out << verified.err;
}

}  // namespace
}  // namespace postern::test

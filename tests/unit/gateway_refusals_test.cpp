// Whatever the gateway answers that is no success, the audit log tells of, and nobody fills the disk by it.
#include <sys/socket.h>

#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

#include "gateway/tunnel/records.hpp"
#include "support/kept_log.hpp"
#include "unit/file_size_limit.hpp"
#include "unit/gateway_fixture.hpp"

namespace postern::gateway {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

class GatewayRefusals : public GatewayFixture {
protected:
    /// How many refusals the log tells of: with records of their own, and counted.
    std::size_t told() const {
        std::size_t told = 0;
        for (const auto& record : records()) {
            const std::size_t more = record["postern"].value("more", std::size_t{0});
            const std::string action = record["event"]["action"];
            told +=
                more > 0 ? more : (action == "connection.rejected" || action == "request.refused" ? 1 : 0);
        }
        return told;
    }
    bool tells_of(std::size_t number) const {
        return eventually([&] { return told() == number; });
    }
    /// Of those in which the log names this user and counts more.
    std::size_t more_of(const std::string& user) const {
        std::size_t sum = 0;
        for (const auto& record : records()) {
            const auto postern = record["postern"];
            for (const auto& share : postern.value("more_of", nlohmann::json::array())) {
                sum += share["user"] == user ? share["count"].get<std::size_t>() : 0;
            }
        }
        return sum;
    }
};

TEST_F(GatewayRefusals, EachAnswerThatIsNoSuccessIsToldOf) {
    const SmallBackend plain("N");
    const SmallBackend silent;
    start(service("echo", echo_port()) + rule("echo") + service("closed", echo_port()) + service("down", 1) +
              rule("down") + service("plain", plain.port(), "postgres") + rule("plain") +
              service("silent", silent.port(), "postgres") + rule("silent") + service("one", echo_port()) +
              "connections = 1\n" + rule("one"),
          "request_timeout = \"1s\"\nbackend_timeout = \"1s\"\n");
    const std::string start_tls = "Postern-Backend-Start: postgres-tls\r\n";
    struct Case {
        std::string request;
        std::string fields;
        unsigned status;
    };
    const std::vector<Case> cases{
        {"CONNECT closed:1", "", 403},
        {"CONNECT nowhere:1", "", 404},
        {"CONNECT echo", "", 400},
        {"CONNECT echo:1", "Postern-Backend-Start: ssh\r\n", 400},
        {"CONNECT echo:1", "Postern-Client-Program: nonsense\r\n", 400},
        {"CONNECT echo:1", "Postern-Cancel-Of: 019a0000-0000-7000-8000-000000000000\r\n", 404},
        {"CONNECT echo:1", "Content-Length: 1\r\n", 413},
        {"POST /v1/services", "", 400},
        {"GET /v1/services", "Content-Length: 5\r\n", 413},
        {"GET /v1/services", "X: " + std::string(9000, 'x') + "\r\n", 413},
        {"GET /v1/nothing", "", 404},
        {"GET /v1/connections/019a0000-0000-7000-8000-000000000000", "", 404},
        {"CONNECT down:1", "", 502},
        {"CONNECT plain:1", start_tls, 502},
        {"CONNECT silent:1", start_tls, 504},
    };
    std::size_t refused = 0;
    for (const Case& one : cases) {
        // Each by somebody else, so that each has a record of its own.
        Visitor visitor(port(), client("user" + std::to_string(refused)));
        const auto answer = visitor.ask(one.request, one.fields);
        EXPECT_EQ(answer.status, one.status) << one.request;
        // It stands before the answer does.
        EXPECT_EQ(told(), ++refused) << one.request;
        EXPECT_EQ(records().back()["event"]["reason"], answer.json()["code"]) << one.request;
    }
    Visitor slow(port(), client("slow"));
    slow.send("GET /v1");
    EXPECT_EQ(slow.answer().status, 408U);
    EXPECT_EQ(told(), ++refused);
    Visitor only(port(), client("alice"));
    ASSERT_EQ(only.ask("CONNECT one:1").status, 200U);
    EXPECT_EQ(Visitor(port(), client("bob")).ask("CONNECT one:1").status, 429U);
    EXPECT_EQ(told(), ++refused);
    const auto revoked = mint("carol");
    Visitor warm(port(), client(revoked));
    revoke(revoked.certificate, pki::RevocationReason::key_compromise);
    ASSERT_TRUE(eventually([&] {
        ++refused;
        return Visitor(port(), client(revoked)).ask("GET /v1/services").status == 403 || --refused == 0;
    }));
    EXPECT_EQ(warm.ask("CONNECT echo:1").status, 403U);
    EXPECT_TRUE(tells_of(++refused)) << told() << " of " << refused;
}

TEST_F(GatewayRefusals, WhatTheAuditLogDidNotTakeIsCountedAndToldOfOnceItDoes) {
    const test::KeptLog log;
    start(service("echo", echo_port()) + rule("echo"), "failed_handshakes_recorded = 2\n");
    std::size_t refused = 0;
    {
        const test::FileSizeLimit full(fs::file_size(folder_ / "audit.jsonl"));
        for (int i = 0; i < 6; ++i) {
            const UniqueFd stranger = connect_to(port());
            ::send(stranger.get(), "garbage\r\n\r\n", 11, MSG_NOSIGNAL);
            char block[256];
            while (::recv(stranger.get(), block, sizeof block, 0) > 0) {
            }
            ++refused;
        }
        for (const char* request : {"CONNECT nowhere:1", "GET /v1/nothing"}) {
            EXPECT_EQ(Visitor(port(), client("mallory")).ask(request).json()["code"], "audit_unavailable");
            ++refused;
        }
        // The gateway tells of what it has counted each second; it asks the CA ten times in one.
        const int asked = crl_questions_;
        ASSERT_TRUE(eventually([&] { return crl_questions_ > asked + 25; }));
        EXPECT_EQ(told(), 0U);
    }
    EXPECT_TRUE(tells_of(refused)) << told() << " of " << refused;
    EXPECT_EQ(more_of("mallory"), 2U);
    server_.reset();
    std::size_t lines = 0;
    for (std::size_t at = log.told().find(" more="); at != std::string::npos; at = log.told().find(" more=", at + 1)) {
        ++lines;
    }
    EXPECT_EQ(lines, 2U) << log.told();
}

TEST_F(GatewayRefusals, OneCertificateIsToldOfTogetherUnderItsNameWhateverItAsksFor) {
    start(service("echo", echo_port()) + rule("echo"));
    const ClientContext mallory = client("mallory");
    constexpr std::size_t kAsked = 40;
    const auto size_before = fs::file_size(folder_ / "audit.jsonl");
    // What is written in six bytes for each.
    const std::string program = "Postern-Client-Program: pid=1, uid=1, program=" + [] {
        std::string escapes;
        for (int i = 0; i < 256; ++i) {
            escapes += "%01";
        }
        return escapes;
    }() + "\r\n";
    for (std::size_t i = 0; i < kAsked; ++i) {
        Visitor visitor(port(), mallory);
        const bool asks_for_tunnel = i % 2 == 0;
        EXPECT_EQ(visitor
                      .ask(asks_for_tunnel ? "CONNECT " + std::string(63, 'x') + ":1"
                                           : "GET /v1/" + std::string(5000, '\xff'),
                           asks_for_tunnel ? program : "")
                      .status,
                  404U);
    }
    EXPECT_TRUE(tells_of(kAsked)) << told();
    EXPECT_EQ(more_of("mallory"), kAsked - 10);
    EXPECT_EQ(count("connection.rejected", "unknown_service") + count("request.refused", "not_found"), 10U);
    EXPECT_LT(fs::file_size(folder_ / "audit.jsonl") - size_before, (10U + 10U) * 4096U);
    // Nobody is hidden by it.
    const std::string id =
        Visitor(port(), client("alice")).ask("CONNECT nowhere:1").field("Postern-Connection");
    EXPECT_EQ(count("connection.rejected", "unknown_service", id), 1U);
}

TEST_F(GatewayRefusals, ARevokedCertificateIsToldOfTogether) {
    start(service("echo", echo_port()) + rule("echo"));
    const auto stolen = mint("alice");
    revoke(stolen.certificate, pki::RevocationReason::key_compromise);
    ASSERT_TRUE(
        eventually([&] { return Visitor(port(), client(stolen)).ask("GET /v1/services").status == 403; }));
    constexpr std::size_t kAsked = 30;
    for (std::size_t i = 0; i < kAsked; ++i) {
        EXPECT_EQ(Visitor(port(), client(stolen)).ask("CONNECT echo:1").status, 403U);
    }
    EXPECT_TRUE(tells_of(kAsked + 1)) << told();
    EXPECT_EQ(count("connection.rejected", "revoked"), 10U);
    EXPECT_EQ(more_of("alice"), kAsked + 1 - 10);
}

TEST_F(GatewayRefusals, GoodConnectionsOfOnePersonAreBoundedInAMinute) {
    start(service("echo", echo_port()) + rule("echo"), "connections_per_identity_per_minute = 5\n");
    std::size_t let_in = 0;
    for (int i = 0; i < 15; ++i) {
        let_in += Visitor(port(), client("alice")).ask("CONNECT echo:1").status == 200 ? 1U : 0U;
    }
    EXPECT_GE(let_in, 5U);
    EXPECT_LE(let_in, 9U) << "what a slow machine adds";
    EXPECT_EQ(Visitor(port(), client("bob")).ask("CONNECT echo:1").status, 200U);
    EXPECT_TRUE(tells_of(15 - let_in)) << told();
}

}  // namespace
}  // namespace postern::gateway

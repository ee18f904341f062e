// What the gateway lets in, carries and answers, and whom it turns away.
#include <chrono>
#include <string>
#include <vector>

#include <gmock/gmock.h>

#include "unit/gateway_fixture.hpp"

namespace postern::gateway {
namespace {

using namespace std::chrono_literals;
using test::OddProfile;
using testing::HasSubstr;

class GatewayServer : public GatewayFixture {};

TEST_F(GatewayServer, CarriesBytesAfterTheRecordAndClosesWithOne) {
    start(service("echo", echo_port()) + rule("echo"));
    std::string id;
    {
        Visitor alice(port(), client("alice"));
        const auto answer = alice.ask("CONNECT echo:7", {}, "early ");
        EXPECT_EQ(answer.status, 200U) << answer.head;
        id = answer.field("Postern-Connection");
        EXPECT_EQ(count("connection.accepted", {}, id), 1U);
        alice.send("and late");
        EXPECT_EQ(alice.read(14), "early and late");
        EXPECT_EQ(server_->tunnels(), 1U);
        alice.shut_down();
        EXPECT_TRUE(alice.is_closed());
    }
    const auto accepted = wait_for("connection.accepted", {}, id);
    EXPECT_EQ(accepted["user"]["name"], "alice");
    EXPECT_EQ(accepted["service"]["name"], "echo");
    EXPECT_EQ(accepted["destination"]["port"], echo_.port());
    EXPECT_GT(accepted["postern"]["backend"]["local_port"], 0);
    const auto closed = wait_for("connection.closed", {}, id);
    EXPECT_EQ(closed["source"]["bytes"], 14);
    EXPECT_EQ(closed["destination"]["bytes"], 14);
    EXPECT_EQ(closed["postern"]["closed_by"], "client");
    EXPECT_EQ(count("connection.closed", {}, id), 1U);
    EXPECT_TRUE(eventually([&] { return server_->tunnels() == 0; }));
}

TEST_F(GatewayServer, CountsWhatItHandedOnOfAClientThatWasGoneBeforeItsAnswer) {
    const SmallBackend postgres;
    start(service("orders-db", postgres.port(), "postgres") + rule("orders-db"));
    Visitor alice(port(), client("alice"));
    alice.send(
        "CONNECT orders-db:5432 HTTP/1.1\r\nHost: gateway\r\nPostern-Backend-Start: postgres-tls\r\n\r\n"
        "ClientHello");
    const UniqueFd backend = postgres.accept_one();
    char bytes[32] = {};
    ASSERT_EQ(::recv(backend.get(), bytes, 8, MSG_WAITALL), 8) << "SSLRequest";
    alice.reset();
    ASSERT_EQ(::send(backend.get(), "S", 1, MSG_NOSIGNAL), 1);
    EXPECT_EQ(::recv(backend.get(), bytes, 11, MSG_WAITALL), 11);
    const auto closed = wait_for("connection.closed");
    EXPECT_EQ(closed["source"]["bytes"], 11) << closed;
    EXPECT_EQ(closed["postern"]["closed_by"], "client");
}

TEST_F(GatewayServer, CarriesTwentyMegabytesUnchanged) {
    start(service("echo", echo_port()) + rule("echo"));
    Visitor alice(port(), client("alice"));
    ASSERT_EQ(alice.ask("CONNECT echo:7").status, 200U);
    std::string block(1 << 20, '\0');
    for (std::size_t i = 0; i < block.size(); ++i) {
        block[i] = static_cast<char>(i * 2654435761U >> 13);
    }
    for (int i = 0; i < 20; ++i) {
        std::thread sender([&] { alice.send(block); });
        sender.join();
        ASSERT_EQ(alice.read(block.size()), block);
    }
}

TEST_F(GatewayServer, RefusesWithStatusReasonAndRecord) {
    start(service("echo", echo_port()) + rule("echo") + service("closed", echo_port()));
    struct Case {
        std::string request;
        unsigned status;
        std::string code;
        std::string stage;
    };
    const std::vector<Case> cases{{"CONNECT closed:1", 403, "policy_denied", "policy"},
                                  {"CONNECT nowhere:1", 404, "unknown_service", "policy"},
                                  {"CONNECT echo", 400, "malformed_request", "request"},
                                  {"POST /v1/services", 400, "malformed_request", "request"}};
    for (const Case& rejected : cases) {
        Visitor alice(port(), client("alice"));
        const auto answer = alice.ask(rejected.request);
        EXPECT_EQ(answer.status, rejected.status) << rejected.request;
        const std::string id = answer.field("Postern-Connection");
        EXPECT_EQ(answer.json()["code"], rejected.code);
        EXPECT_EQ(answer.json()["connection_id"], id);
        EXPECT_THAT(answer.field("Proxy-Status"), HasSubstr("error="));
        // The record stands before the answer does.
        EXPECT_EQ(count("connection.rejected", rejected.code, id), 1U);
        EXPECT_EQ(wait_for("connection.rejected", rejected.code, id)["postern"]["stage"], rejected.stage);
        EXPECT_TRUE(alice.is_closed());
    }
    EXPECT_EQ(echo_.accepted(), 0);
}

TEST_F(GatewayServer, AHandshakeThatFailsLeavesARecordOfWhatWasClaimed) {
    start(service("echo", echo_port()) + rule("echo"));
    {
        const ClientContext anonymous({}, nullptr, server_ca_->bundle);
        Visitor nobody(port(), anonymous);
        EXPECT_EQ(nobody.ask("CONNECT echo:7").status, 0U);
    }
    EXPECT_EQ(wait_for("connection.rejected", "no_certificate")["postern"]["stage"], "certificate");
    {
        Visitor alice(port(), client(mint("alice", [](OddProfile& profile) {
                          profile.not_before = real_now() - 2h;
                          profile.not_after = real_now() - 1h;
                      })));
        EXPECT_EQ(alice.ask("CONNECT echo:7").status, 0U);
    }
    const auto expired = wait_for("connection.rejected", "expired");
    EXPECT_EQ(expired["postern"]["stage"], "certificate");
    EXPECT_EQ(expired["postern"]["claimed"]["user"], "alice");
    EXPECT_FALSE(expired.contains("user"));
    {
        Visitor alice(port(),
                      client(mint("alice", [](OddProfile& profile) { profile.usage = test::Usage::none; })));
        EXPECT_EQ(alice.ask("CONNECT echo:7").status, 0U);
    }
    wait_for("connection.rejected", "wrong_purpose");
    EXPECT_EQ(echo_.accepted(), 0);
}

TEST_F(GatewayServer, ALoginCertificateThatMayDoAnythingOfACaIsRefusedInTheHandshake) {
    start(service("echo", echo_port()) + rule("echo"));
    const auto visit = [&](bool is_ca, std::vector<int> key_usage) {
        Visitor alice(port(), client(mint("alice", [&](OddProfile& profile) {
                          profile.is_ca = is_ca;
                          profile.key_usage = std::move(key_usage);
                      })));
        return alice.ask("CONNECT echo:7").status;
    };
    constexpr int kDigitalSignature = 0;
    constexpr int kKeyCertSign = 5;
    constexpr int kCrlSign = 6;
    EXPECT_EQ(visit(false, {kDigitalSignature}), 200U);
    EXPECT_EQ(visit(true, {kDigitalSignature}), 0U);
    EXPECT_EQ(visit(true, {kDigitalSignature, kKeyCertSign}), 0U);
    EXPECT_EQ(visit(false, {kDigitalSignature, kKeyCertSign}), 0U);
    EXPECT_EQ(visit(false, {kDigitalSignature, kCrlSign}), 0U);
    EXPECT_TRUE(eventually([&] { return count("connection.rejected", "wrong_purpose") == 4; }));
    EXPECT_EQ(echo_.accepted(), 1);
}

TEST_F(GatewayServer, AStrangersCertificateWhoseEndIsNoTimeIsRecordedWithoutOne) {
    start(service("echo", echo_port()) + rule("echo"));
    const auto stranger = test::mint_self_signed(test::login_profile("mallory", real_now())).value();
    X509* const raw = stranger.certificate.get();
    ASSERT_EQ(ASN1_STRING_set(X509_getm_notAfter(raw), "991399000000Z", -1), 1);
    ASSERT_GT(X509_sign(raw, stranger.key.get(), EVP_sha256()), 0);
    const ClientContext context({stranger.certificate}, stranger.key.get(), server_ca_->bundle);
    EXPECT_EQ(Visitor(port(), context).ask("CONNECT echo:7").status, 0U);
    const auto rejected = wait_for("connection.rejected");
    EXPECT_EQ(rejected["postern"]["claimed"]["user"], "mallory");
    EXPECT_FALSE(rejected["tls"]["client"]["x509"]["serial_number"].get<std::string>().empty());
    EXPECT_FALSE(rejected["tls"]["client"]["x509"].contains("not_after"));
}

TEST_F(GatewayServer, ACertificateThatNamesNobodyOfThisTrustDomainIsTold) {
    start(service("echo", echo_port()) + rule("echo"));
    Visitor alice(port(), client(mint("alice", [](OddProfile& profile) {
                      profile.uris = {"spiffe://elsewhere.internal/user/alice"};
                  })));
    const auto answer = alice.ask("CONNECT echo:7");
    EXPECT_GE(answer.status, 400U);
    EXPECT_EQ(answer.json()["code"], "malformed_certificate");
    EXPECT_EQ(wait_for("connection.rejected", "malformed_certificate")["postern"]["claimed"]["user"],
              "alice");
}

TEST_F(GatewayServer, ABackendThatIsDownRefusesTlsOrNeverAnswersIsTold) {
    unsigned short down = 0;
    {
        const SmallBackend gone;
        down = gone.port();
    }
    const SmallBackend silent;
    const SmallBackend without_tls("N");
    const SmallBackend stuffing("S\x16\x03");
    const SmallBackend full("Eno more connections");
    start(service("down", down) + rule("down") + service("silent", silent.port(), "postgres") +
              rule("silent") + service("plain", without_tls.port(), "postgres") + rule("plain") +
              service("stuffing", stuffing.port(), "postgres") + rule("stuffing") +
              service("full", full.port(), "postgres") + rule("full"),
          "backend_timeout = \"500ms\"\n");
    const std::string start_tls = "Postern-Backend-Start: postgres-tls\r\n";
    const auto ask = [&](const std::string& request) {
        Visitor alice(port(), client("alice"));
        return alice.ask(request, start_tls);
    };
    EXPECT_EQ(ask("CONNECT down:1").status, 502U);
    wait_for("connection.rejected", "backend_unreachable");
    const auto timed_out = ask("CONNECT silent:1");
    EXPECT_EQ(timed_out.status, 504U);
    EXPECT_EQ(timed_out.json()["code"], "backend_timed_out");
    EXPECT_EQ(wait_for("connection.rejected", "backend_timed_out")["postern"]["stage"], "backend");
    EXPECT_EQ(ask("CONNECT plain:1").json()["code"], "backend_refused_tls");
    EXPECT_EQ(ask("CONNECT stuffing:1").json()["code"], "backend_refused_tls");
    EXPECT_EQ(ask("CONNECT full:1").json()["code"], "backend_unreachable");
    EXPECT_EQ(count("connection.accepted"), 0U);
}

TEST_F(GatewayServer, StartsTlsWithTheBackendBeforeTheFirstByte) {
    const SmallBackend postgres("S");
    start(service("orders-db", postgres.port(), "postgres") + rule("orders-db"));
    Visitor alice(port(), client("alice"));
    const auto answer =
        alice.ask("CONNECT orders-db:5432", "Postern-Backend-Start: postgres-tls\r\n", "ClientHello");
    EXPECT_EQ(answer.status, 200U);
    // The 'S' was for the gateway.
    EXPECT_EQ(alice.read(11), "ClientHello");
}

TEST_F(GatewayServer, CutsATunnelWhosePostgresNeverAnswers) {
    const SmallBackend silent;
    start(service("silent", silent.port(), "postgres") + rule("silent") + service("tcp", silent.port()) +
              rule("tcp"),
          "backend_timeout = \"500ms\"\n");
    Visitor patient(port(), client("alice"));
    ASSERT_EQ(patient.ask("CONNECT tcp:1", {}, "hello?").status, 200U);
    Visitor alice(port(), client("alice"));
    const auto answer = alice.ask("CONNECT silent:1", {}, "hello?");
    ASSERT_EQ(answer.status, 200U);
    EXPECT_TRUE(alice.is_closed());
    const auto closed = wait_for("connection.closed", "backend_timed_out");
    EXPECT_EQ(closed["postern"]["connection"]["id"], answer.field("Postern-Connection"));
    EXPECT_EQ(closed["postern"]["closed_by"], "gateway");
    // Other protocols may be silent for as long as they like.
    EXPECT_EQ(server_->tunnels(), 1U);
}

TEST_F(GatewayServer, ListsTheServicesOfTheAskerOverOneConnection) {
    start(service("echo", echo_port()) + rule("echo") + service("closed", echo_port()));
    Visitor alice(port(), client("alice"));
    for (int i = 0; i < 3; ++i) {
        const auto answer = alice.ask("GET /v1/services");
        ASSERT_EQ(answer.status, 200U);
        EXPECT_EQ(answer.json()["services"].size(), 1U);
        EXPECT_EQ(answer.json()["identity"]["name"], "alice");
    }
    EXPECT_EQ(alice.ask("GET /v1/nothing").status, 404U);
    EXPECT_EQ(alice.ask("CONNECT echo:7").status, 200U);
}

TEST_F(GatewayServer, ACancelGoesToTheBackendOfItsOwnersLiveConnectionOnly) {
    start(service("echo", echo_port()) + rule("echo") + service("other", echo_port()) + rule("other"));
    Visitor alice(port(), client("alice"));
    const std::string id = alice.ask("CONNECT echo:7").field("Postern-Connection");
    const std::string cancel = "Postern-Cancel-Of: " + id + "\r\n";
    EXPECT_EQ(Visitor(port(), client("alice")).ask("CONNECT echo:7", cancel).status, 200U);
    EXPECT_EQ(Visitor(port(), client("bob")).ask("CONNECT echo:7", cancel).status, 404U);
    EXPECT_EQ(Visitor(port(), client("alice")).ask("CONNECT other:7", cancel).status, 404U);
    alice.shut_down();
    EXPECT_TRUE(alice.is_closed());
    wait_for("connection.closed", {}, id);
    EXPECT_EQ(Visitor(port(), client("alice")).ask("CONNECT echo:7", cancel).status, 404U);
}

TEST_F(GatewayServer, AnOrdinaryEndSaysWhoClosedAndNamesNoFailure) {
    // It answers, closes, and meets what still comes with a reset, as PostgreSQL does after Terminate.
    const SmallBackend closing("good bye", SmallBackend::After::closes);
    start(service("closing", closing.port()) + rule("closing") + service("echo", echo_port()) + rule("echo"));
    for (int i = 0; i < 10; ++i) {
        Visitor alice(port(), client("alice"));
        const auto answer = alice.ask("CONNECT closing:1", {}, "Terminat");
        ASSERT_EQ(answer.status, 200U);
        EXPECT_EQ(alice.read(8), "good bye");
        EXPECT_TRUE(alice.is_closed());
        EXPECT_TRUE(alice.was_told_of_end());
        alice.send("a late close_notify");
        alice.send("and another one");
        alice.shut_down();
        const auto closed = wait_for("connection.closed", {}, answer.field("Postern-Connection"));
        EXPECT_EQ(closed["postern"]["closed_by"], "backend");
        EXPECT_EQ(closed["event"]["outcome"], "success");
        EXPECT_FALSE(closed["event"].contains("reason")) << closed;
        EXPECT_FALSE(closed["postern"].contains("stage")) << closed;
    }
    Visitor bob(port(), client("bob"));
    const auto answer = bob.ask("CONNECT echo:7");
    bob.shut_down();
    EXPECT_TRUE(bob.is_closed());
    const auto closed = wait_for("connection.closed", {}, answer.field("Postern-Connection"));
    EXPECT_EQ(closed["postern"]["closed_by"], "client");
    EXPECT_FALSE(closed["event"].contains("reason")) << closed;
}

TEST_F(GatewayServer, AResetWithTheClientsOwnEndBehindItIsAnOrdinaryEnd) {
    // As PostgreSQL ends when TLS's goodbye lies behind the Terminate, unread.
    const SmallBackend resetting("good bye", SmallBackend::After::resets);
    start(service("resetting", resetting.port()) + rule("resetting"));
    for (int i = 0; i < 10; ++i) {
        Visitor alice(port(), client("alice"));
        const auto answer = alice.ask("CONNECT resetting:1", {}, "Terminat");
        ASSERT_EQ(answer.status, 200U);
        EXPECT_EQ(alice.read(8), "good bye");
        std::this_thread::sleep_for(std::chrono::milliseconds(i));
        alice.shut_down();
        const auto closed = wait_for("connection.closed", {}, answer.field("Postern-Connection"));
        EXPECT_EQ(closed["postern"]["closed_by"], "client");
        EXPECT_FALSE(closed["event"].contains("reason")) << closed;
        EXPECT_FALSE(closed["postern"].contains("stage")) << closed;
        EXPECT_TRUE(alice.is_closed());
    }
}

TEST_F(GatewayServer, AResetInTheMiddleIsALostServerAndTheClientIsTold) {
    const SmallBackend resetting("good bye", SmallBackend::After::resets);
    start(service("resetting", resetting.port()) + rule("resetting"));
    for (const std::string more : {"", "a question"}) {
        Visitor alice(port(), client("alice"));
        const auto answer = alice.ask("CONNECT resetting:1", {}, "question");
        ASSERT_EQ(answer.status, 200U);
        EXPECT_EQ(alice.read(8), "good bye");
        if (!more.empty()) {
            alice.send(more);
        }
        EXPECT_TRUE(alice.is_closed());
        const auto closed = wait_for("connection.closed", {}, answer.field("Postern-Connection"));
        EXPECT_EQ(closed["postern"]["closed_by"], "backend");
        EXPECT_EQ(closed["event"]["reason"], "end_of_stream");
        EXPECT_FALSE(alice.was_told_of_end()) << "the answer may be a part";
    }
}

TEST_F(GatewayServer, AClientThatVanishesIsAnEndWithAReasonAndNoneForTheBackend) {
    const SmallBackend backend("welcome!");
    start(service("raw", backend.port()) + rule("raw"));
    std::string id;
    {
        Visitor alice(port(), client("alice"));
        id = alice.ask("CONNECT raw:7", {}, "question").field("Postern-Connection");
        EXPECT_EQ(alice.read(8), "welcome!");
    }
    const auto closed = wait_for("connection.closed", {}, id);
    EXPECT_EQ(closed["postern"]["closed_by"], "client");
    EXPECT_EQ(closed["event"]["reason"], "end_of_stream");
    EXPECT_TRUE(eventually([&] { return backend.resets() == 1; }));
    Visitor alice(port(), client("alice"));
    alice.ask("CONNECT raw:7", {}, "question");
    alice.shut_down();
    EXPECT_EQ(alice.read(9), "welcome!");
    EXPECT_TRUE(alice.was_told_of_end());
    EXPECT_EQ(backend.resets(), 1);
}

}  // namespace
}  // namespace postern::gateway

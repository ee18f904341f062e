// The refusal matrix: each by a real attempt, with its audit record and reason code, and, in psql, a FATAL
// line that names cause and next step. Each has its "lets in" twin in
// LetsInTheSamePersonWithARightCertificate.
#include <memory>
#include <string>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/silent_backend.hpp"
#include "support/stack.hpp"

namespace postern::test {
namespace {

using testing::HasSubstr;

class Refusals : public testing::Test {
protected:
    static void SetUpTestSuite() {
        silent_ = std::make_unique<SilentBackend>();
        stuck_ = std::make_unique<StuckPostgres>();
        StackOptions options;
        options.limits = "backend_timeout = \"2s\"\n";
        options.gateway_tables = fmt::format(
            "[[service]]\nname = \"down-db\"\nbackend = \"127.0.0.1:1\"\n"
            "[[service]]\nname = \"silent-db\"\nbackend = \"127.0.0.1:{}\"\n"
            "[[service]]\nname = \"stuck-db\"\nbackend = \"127.0.0.1:{}\"\n"
            "[[rule]]\nservices = [\"down-db\", \"silent-db\", \"stuck-db\"]\nusers = [\"alice\"]\n",
            silent_->port(), stuck_->port());
        // That the gateway does not serve.
        options.ca_tables = "[[service]]\nname = \"gone-db\"\n";
        stack_ = std::make_unique<Stack>(options);
        for (const auto* user : {"alice", "mallory"}) {
            Laptop laptop(*stack_, user);
            const ProcessResult login = laptop.login();
            ASSERT_EQ(login.exit_code, 0) << login.err;
        }
    }
    static void TearDownTestSuite() {
        stack_.reset();
        stuck_.reset();
        silent_.reset();
    }

    static std::vector<std::string> issuing() {
        return {"--issuer-key", stack_->ca_folder() / "user-issuing.key", "--issuer-cert",
                stack_->ca_folder() / "user-issuing.pem"};
    }
    static std::filesystem::path mint(const std::string& name, std::vector<std::string> arguments) {
        std::vector<std::string> all{"--cn",      "alice", "--group",
                                     "analysts",  "--uri", "spiffe://example.org/user/alice",
                                     "--session", name};
        all.insert(all.end(), arguments.begin(), arguments.end());
        return stack_->mint(name, all);
    }
    static std::vector<std::string> with(std::vector<std::string> first,
                                         const std::vector<std::string>& second) {
        first.insert(first.end(), second.begin(), second.end());
        return first;
    }

    /// psql through the client with the given certificate; its whole standard error.
    static ProcessResult attempt(const std::filesystem::path& certificate,
                                 const std::string& service = "orders-db",
                                 const std::string& user = "alice") {
        Laptop laptop(*stack_, user);
        std::filesystem::path key = certificate;
        key.replace_extension(".key");
        std::vector<std::string> arguments{"psql"};
        if (!certificate.empty()) {
            arguments.insert(arguments.end(), {"--cert", certificate, "--key", key});
        }
        arguments.insert(arguments.end(), {service, "--", "-X", "-d", "orders", "-Atc", "select 'let in'"});
        ProcessOptions options;
        options.environment = {{"PGPASSWORD", user + "-password"}};
        return laptop.postern(arguments, options);
    }

    /// The first attempt with the laptop's certificate that is refused, once the gateway knows that it must
    /// be.
    static ProcessResult wait_for_refusal(const Laptop& laptop) {
        ProcessResult outcome;
        eventually([&] {
            outcome = attempt(laptop.certificate(), "orders-db", laptop.user());
            return outcome.exit_code != 0;
        });
        return outcome;
    }

    /// The attempt is refused: FATAL with a hint in psql, and an audit record with the reason code (and
    /// stage).
    static void expect_refused(const ProcessResult& outcome, const std::string& words,
                               const std::string& reason, const std::string& stage,
                               std::size_t records_before) {
        EXPECT_NE(outcome.exit_code, 0);
        EXPECT_EQ(outcome.out.find("let in"), std::string::npos);
        EXPECT_THAT(outcome.err, HasSubstr("FATAL"));
        EXPECT_THAT(outcome.err, testing::ContainsRegex(words));
        EXPECT_THAT(outcome.err, HasSubstr("HINT"));
        const auto record = stack_->wait_for_record("connection.rejected", reason, records_before);
        EXPECT_EQ(record["postern"]["stage"], stage) << record.dump(2);
        EXPECT_EQ(record["event"]["outcome"], "failure");
        EXPECT_EQ(record["source"]["ip"], "127.0.0.1");
    }

    static std::size_t records() { return stack_->records().size(); }
    /// openssl s_client or the like against the gateway's port, as a shell line.
    static ProcessResult shell(const std::string& line) {
        ProcessOptions options;
        options.environment = {{"GATEWAY", stack_->gateway_address()},
                               {"SERVER_CA", stack_->server_ca()},
                               {"CERT", Laptop(*stack_, "alice").certificate()},
                               {"KEY", Laptop(*stack_, "alice").key()}};
        return run({"bash", "-c", line}, options, std::chrono::seconds(30));
    }

    static std::unique_ptr<Stack> stack_;
    static std::unique_ptr<SilentBackend> silent_;
    static std::unique_ptr<StuckPostgres> stuck_;
};

std::unique_ptr<Stack> Refusals::stack_;
std::unique_ptr<SilentBackend> Refusals::silent_;
std::unique_ptr<StuckPostgres> Refusals::stuck_;

TEST_F(Refusals, AreToldBeforeAnotherGatewayThatIsAway) {
    Laptop bob(*stack_, "bob", "two-gateways");
    ASSERT_EQ(bob.login().exit_code, 0);
    const std::string here = "gw1=" + stack_->gateway_address();
    const std::string away = fmt::format("gw2=127.0.0.1:{}", free_port());
    for (const auto& [first, second] : {std::pair{here, away}, std::pair{away, here}}) {
        const ProcessResult denied =
            bob.postern({"psql", "--cert", bob.certificate(), "--key", bob.key(), "--gateway", first,
                         "--gateway", second, "down-db", "-X", "-c", "select 1"});
        EXPECT_THAT(denied.err, HasSubstr("bob may not use down-db"));
        EXPECT_THAT(denied.err, HasSubstr("postern login"));
    }
}

TEST_F(Refusals, LetsInTheSamePersonWithARightCertificate) {
    EXPECT_EQ(attempt({}).out, "let in\n");
    const auto minted = mint("right", with(issuing(), {"--eku", "client"}));
    const ProcessResult outcome = attempt(minted);
    EXPECT_EQ(outcome.out, "let in\n") << outcome.err;
}

TEST_F(Refusals, NoCertificate) {
    const auto before = records();
    const ProcessResult outcome = shell(
        "printf 'CONNECT orders-db:5432 HTTP/1.1\\r\\nHost: orders-db:5432\\r\\n\\r\\n' | timeout 5 openssl "
        "s_client "
        "-connect $GATEWAY -CAfile $SERVER_CA -quiet -ign_eof 2>&1");
    EXPECT_THAT(outcome.out, HasSubstr("certificate required"));
    const auto record = stack_->wait_for_record("connection.rejected", "no_certificate", before);
    EXPECT_EQ(record["postern"]["stage"], "certificate");
}

TEST_F(Refusals, Expired) {
    const auto before = records();
    const auto certificate =
        mint("expired", with(issuing(), {"--eku", "client", "--not-before", "2024-01-01T00:00:00Z",
                                         "--not-after", "2024-01-01T01:00:00Z"}));
    expect_refused(attempt(certificate), "expired", "expired", "certificate", before);
}

TEST_F(Refusals, NotYetValid) {
    const auto before = records();
    const auto certificate =
        mint("early", with(issuing(), {"--eku", "client", "--not-before", "2044-01-01T00:00:00Z",
                                       "--not-after", "2044-01-01T01:00:00Z"}));
    expect_refused(attempt(certificate), "not yet valid|clock", "not_yet_valid", "certificate", before);
}

TEST_F(Refusals, OtherCaWithTheSameSubject) {
    const auto other = stack_->folder() / "other-ca";
    if (!std::filesystem::exists(other)) {
        ASSERT_EQ(run({program("postern-ca"), "--dir", other, "init", "--name", "localhost", "--trust-domain",
                       "example.org"})
                      .exit_code,
                  0);
    }
    const auto before = records();
    const auto certificate = mint("other", {"--issuer-key", other / "user-issuing.key", "--issuer-cert",
                                            other / "user-issuing.pem", "--eku", "client"});
    expect_refused(attempt(certificate), "unknown|another|trust", "unknown_issuer", "certificate", before);
}

TEST_F(Refusals, SelfSigned) {
    const auto before = records();
    const auto certificate = mint("self", {"--self-signed", "--eku", "client"});
    expect_refused(attempt(certificate), "self-signed|unknown|trust", "self_signed", "certificate", before);
}

TEST_F(Refusals, ServerAuthOnly) {
    const auto before = records();
    const auto certificate = mint("server-only", with(issuing(), {"--eku", "server"}));
    expect_refused(attempt(certificate), "purpose|clientAuth|login certificate", "wrong_purpose",
                   "certificate", before);
}

TEST_F(Refusals, NoExtendedKeyUsage) {
    const auto before = records();
    const auto certificate = mint("no-eku", with(issuing(), {"--eku", "none"}));
    expect_refused(attempt(certificate), "purpose|clientAuth|login certificate", "wrong_purpose",
                   "certificate", before);
}

TEST_F(Refusals, Revoked) {
    Laptop bob(*stack_, "bob");
    ASSERT_EQ(bob.login().exit_code, 0);
    EXPECT_EQ(attempt({}, "orders-db", "bob").out, "let in\n");
    const auto before = records();
    stack_->ca_command({"cert", "revoke", "--user", "bob", "--reason", "key_compromise"});
    expect_refused(wait_for_refusal(bob), "revoked", "revoked", "certificate", before);
}

TEST_F(Refusals, UserDisabled) {
    Laptop carol(*stack_, "carol");
    ASSERT_EQ(carol.login().exit_code, 0);
    EXPECT_EQ(attempt({}, "orders-db", "carol").out, "let in\n");
    const auto before = records();
    stack_->ca_command({"user", "disable", "carol"});
    expect_refused(wait_for_refusal(carol), "disabled", "user_disabled", "certificate", before);
    EXPECT_EQ(carol.login().exit_code, 4);
}

TEST_F(Refusals, NotInAnAllowedGroup) {
    const auto before = records();
    expect_refused(attempt({}, "orders-db", "mallory"), "not allowed|may not|denied", "policy_denied",
                   "policy", before);
}

TEST_F(Refusals, UnknownService) {
    const auto before = records();
    expect_refused(attempt({}, "gone-db"), "gone-db", "unknown_service", "policy", before);
}

TEST_F(Refusals, BackendDown) {
    const auto before = records();
    expect_refused(attempt({}, "down-db"), "down-db|database", "backend_unreachable", "backend", before);
}

TEST_F(Refusals, BackendThatNeverAnswers) {
    const auto before = records();
    expect_refused(attempt({}, "silent-db"), "did not answer|timed out|in time", "backend_timed_out",
                   "backend", before);
}

// The stream is the client's own, but the server has not spoken in it: the client is owed the answer.
TEST_F(Refusals, BackendThatNeverAnswersAClientsOwnTls) {
    const Laptop alice(*stack_, "alice");
    const Agent agent(alice, {}, "silent-db");
    const auto before = records();
    const ProcessResult outcome = run(
        {"psql", fmt::format("host=localhost port={} sslmode=require user=alice", agent.passthrough_port())});
    EXPECT_EQ(outcome.exit_code, 2);
    EXPECT_THAT(outcome.err, HasSubstr("server sent an error response"));
    EXPECT_THAT(alice.postern({"status"}).out, HasSubstr("did not answer in time"));
    stack_->wait_for_record("connection.closed", "backend_timed_out", before);
}

// It was let in by then: its record is of an end.
TEST_F(Refusals, BackendThatIsStuckInItsHandshake) {
    const auto before = records();
    const ProcessResult outcome = attempt({}, "stuck-db");
    EXPECT_EQ(outcome.exit_code, 2);
    EXPECT_THAT(outcome.err, HasSubstr("FATAL"));
    EXPECT_THAT(outcome.err, HasSubstr("did not answer in time"));
    EXPECT_EQ(
        stack_->wait_for_record("connection.closed", "backend_timed_out", before)["postern"]["closed_by"],
        "gateway");
}

TEST_F(Refusals, Tls12) {
    const auto before = records();
    const ProcessResult outcome = shell(
        "timeout 5 openssl s_client -connect $GATEWAY -CAfile $SERVER_CA -cert $CERT -key $KEY -tls1_2 "
        "</dev/null 2>&1");
    EXPECT_THAT(outcome.out, HasSubstr("protocol version"));
    EXPECT_EQ(stack_->wait_for_record("connection.rejected", "tls_version", before)["postern"]["stage"],
              "tls");
}

TEST_F(Refusals, PlainHttpOnTheTlsPort) {
    const auto before = records();
    shell("curl -s -m 5 http://$GATEWAY/");
    EXPECT_EQ(stack_->wait_for_record("connection.rejected", "not_tls", before)["postern"]["stage"], "tls");
}

TEST_F(Refusals, RandomBytesOnTheTlsPort) {
    const auto before = records();
    shell("head -c 4096 /dev/zero | tr '\\0' 'Z' > /dev/tcp/${GATEWAY/://}");
    EXPECT_EQ(stack_->wait_for_record("connection.rejected", {}, before)["postern"]["stage"], "tls");
}

TEST_F(Refusals, AnotherDatabaseUserIsToldBeforePostgresIsAsked) {
    Laptop alice(*stack_, "alice");
    const Agent agent(alice);
    const ProcessResult outcome = psql(agent.port(), "select 'let in'", "mallory");
    EXPECT_THAT(outcome.err, HasSubstr("FATAL"));
    EXPECT_THAT(outcome.err, HasSubstr("alice"));
    EXPECT_THAT(outcome.err, HasSubstr("HINT"));
    EXPECT_EQ(stack_->postgres().log().find("user=mallory"), std::string::npos);
}

TEST_F(Refusals, TheWrongDatabasePasswordIsPostgresToTell) {
    Laptop alice(*stack_, "alice");
    const Agent agent(alice);
    ProcessOptions options;
    options.environment = {{"PGPASSWORD", "wrong"}};
    const ProcessResult outcome = run({"psql", "-X", "-h", "localhost", "-p", std::to_string(agent.port()),
                                       "-U", "alice", "-d", "orders", "-c", "select 1"},
                                      options);
    EXPECT_THAT(outcome.err, HasSubstr("password authentication failed for user \"alice\""));
}

/// `openssl s_client` that asks for the services.
std::string ask(const std::string& where, const std::string& with) {
    return fmt::format(
        "printf 'GET /v1/services HTTP/1.1\\r\\nHost: gw\\r\\nConnection: close\\r\\n\\r\\n' | timeout 10 "
        "openssl s_client -connect {} -CAfile $SERVER_CA {} -ign_eof 2>&1",
        where, with);
}

TEST_F(Refusals, NoSessionCanBeKeptForLater) {
    const Laptop mallory(*stack_, "mallory");
    ASSERT_EQ(mallory.login().exit_code, 0);
    const std::string credentials =
        fmt::format("-cert {} -key {} ", mallory.certificate().string(), mallory.key().string());
    const std::string kept = stack_->folder() / "kept.session";
    const std::string never = stack_->folder() / "never.session";

    // A server that hands tickets out shows what the gateway does not do.
    const std::string generous = fmt::format("127.0.0.1:{}", free_port());
    const auto tls = stack_->folder() / "gateway";
    const Process server({"openssl", "s_server", "-accept", generous, "-cert", tls / "gateway.pem", "-key",
                          tls / "gateway.key", "-CAfile", stack_->user_ca(), "-Verify", "5", "-www"});
    ProcessResult first;
    ASSERT_TRUE(eventually([&] {
        first = shell(ask(generous, credentials + "-sess_out " + kept));
        return std::filesystem::exists(kept);
    })) << first.out;
    EXPECT_THAT(first.out, HasSubstr("New Session Ticket arrived"));
    EXPECT_THAT(shell(ask(generous, credentials + "-sess_in " + kept)).out, HasSubstr("Reused, TLSv1.3"));

    const ProcessResult ours = shell(ask(stack_->gateway_address(), credentials + "-sess_out " + never));
    EXPECT_THAT(ours.out, HasSubstr("200 OK"));
    EXPECT_EQ(ours.out.find("Session Ticket arrived"), std::string::npos) << ours.out;
    EXPECT_FALSE(std::filesystem::exists(never)) << ours.out;
    // Whatever session somebody brings, the gateway begins anew.
    const ProcessResult brought = shell(ask(stack_->gateway_address(), credentials + "-sess_in " + kept));
    EXPECT_THAT(brought.out, HasSubstr("New, TLSv1.3"));
    EXPECT_EQ(brought.out.find("Reused,"), std::string::npos) << brought.out;
    EXPECT_THAT(brought.out, HasSubstr("200 OK"));

    // So it helps nobody whose certificate has been revoked since.
    const auto before = records();
    stack_->ca_command({"cert", "revoke", "--user", "mallory", "--reason", "key_compromise"});
    ProcessResult later;
    EXPECT_TRUE(eventually([&] {
        later = shell(ask(stack_->gateway_address(), credentials + "-sess_in " + kept));
        return later.out.find("200 OK") == std::string::npos;
    })) << later.out;
    stack_->wait_for_record("connection.rejected", "revoked", before);
    const ProcessResult bare = shell(ask(stack_->gateway_address(), "-sess_in " + kept));
    EXPECT_THAT(bare.out, HasSubstr("certificate required"));
}

TEST_F(Refusals, TheRecordsOfAllOfThisMakeAWholeChain) {
    const ProcessResult verified = stack_->verify_audit();
    EXPECT_EQ(verified.exit_code, 0) << verified.out << verified.err;
}

}  // namespace
}  // namespace postern::test

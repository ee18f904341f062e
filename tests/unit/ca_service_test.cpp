// The whole service in this process, asked over real TLS.
#include <sys/resource.h>
#include <sys/socket.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <map>
#include <set>
#include <thread>

#include <boost/asio/ip/tcp.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <soci/soci.h>

#include "base/connection_id.hpp"
#include "base/unique_fd.hpp"
#include "ca-service/api/refusal.hpp"
#include "ca-service/authority.hpp"
#include "ca-service/commands/command.hpp"
#include "ca-service/password.hpp"
#include "ca-service/service.hpp"
#include "ca-service/store/certificates.hpp"
#include "ca-service/store/sessions.hpp"
#include "ca-service/store/tokens.hpp"
#include "ca-service/store/users.hpp"
#include "http/client.hpp"
#include "pki/crl.hpp"
#include "pki/csr.hpp"
#include "pki/digest.hpp"
#include "pki/identity.hpp"
#include "support/notify_socket.hpp"
#include "unit/ca_support.hpp"

namespace postern::ca {
namespace {

using nlohmann::json;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::HasSubstr;

/// Runs the program's own command line; its exit code, and what it printed.
struct Ran {
    int exit_code = 0;
    std::string out;
    std::string err;
};
Ran run(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "postern-ca");
    std::vector<char*> argv;
    for (std::string& argument : arguments) {
        argv.push_back(argument.data());
    }
    argv.push_back(nullptr);
    testing::internal::CaptureStdout();
    testing::internal::CaptureStderr();
    Ran ran;
    ran.exit_code = commands::run(static_cast<int>(arguments.size()), argv.data());
    std::fflush(stdout);
    ran.out = testing::internal::GetCapturedStdout();
    ran.err = testing::internal::GetCapturedStderr();
    return ran;
}

class CaService : public testing::Test {
protected:
    test::TemporaryDirectory directory_;
    std::filesystem::path ca_ = directory_.path() / "ca";
    std::unique_ptr<store::Database> database_;
    std::unique_ptr<Service> service_;
    pki::PrivateKey key_ = pki::PrivateKey::generate_p256().value();
    std::string csr_ = pki::make_csr_pem(key_, "whatever").value();
    const SystemTime now_ = std::chrono::floor<seconds>(system_clock()());

    static void SetUpTestSuite() { ::signal(SIGPIPE, SIG_IGN); }

    void SetUp() override {
        const Ran made = run({"--dir", ca_, "init", "--name", "localhost", "--trust-domain", "example.org"});
        ASSERT_EQ(made.exit_code, 0) << made.err;
        database_ = std::make_unique<store::Database>(store::Database::open(ca_ / "state.db").value());
        store::User alice;
        alice.name = "alice";
        alice.password_hash = PasswordHasher().hash(Secret(std::string_view("correct horse")));
        alice.groups = {"analysts"};
        ASSERT_TRUE(store::add_user(*database_, alice));
        start(config());
    }
    Config config() const { return Config::load(ca_ / "ca.toml", ca_).value(); }
    void start(Config config, Clock clock = system_clock()) {
        service_.reset();
        config.listen.port = "0";
        auto started =
            Service::start({ca_, ca_ / "ca.toml", ca_ / "state.db"}, std::move(config), std::move(clock));
        ASSERT_TRUE(started) << started.error().detail;
        service_ = std::move(*started);
    }

    http::Client client(std::optional<net::TlsCredentials> credentials = std::nullopt) const {
        http::ClientOptions options;
        options.url = "https://localhost:" + std::to_string(service_->port());
        options.server_ca = pki::TrustBundle::load(ca_ / "server-ca.pem").value();
        options.trust_domain = "example.org";
        options.credentials = std::move(credentials);
        return http::Client::make(std::move(options)).value();
    }
    http::ClientAnswer login(const std::string& user, const std::string& password) const {
        const json body{{"username", user}, {"password", password}, {"csr", csr_}};
        return client().post_json("/v1/login", body.dump()).value();
    }
    net::TlsCredentials credentials_of(const http::ClientAnswer& answer) const {
        EXPECT_EQ(answer.status, 200U) << answer.body;
        const std::string pem = json::parse(answer.body).at("certificate");
        return {key_, pki::certificates_from_pem(pem).value()};
    }
    http::ClientAnswer renew(const net::TlsCredentials& credentials) const {
        return client(credentials).post_json("/v1/renew", json{{"csr", csr_}}.dump()).value();
    }
    static Code code_of(const http::ClientAnswer& answer) {
        EXPECT_TRUE(answer.problem) << answer.body;
        return answer.problem ? answer.problem->code : Code::internal;
    }
    /// The actions in the audit log, with reasons.
    std::vector<std::string> records() const {
        std::vector<std::string> actions;
        std::istringstream log(test::read(ca_ / "audit.jsonl"));
        for (std::string line; std::getline(log, line);) {
            const json record = json::parse(line);
            const json& event = record.at("event");
            actions.push_back(event.value("action", "") +
                              (event.contains("reason") ? ":" + event.value("reason", "") : ""));
        }
        return actions;
    }
};

TEST_F(CaService, TellsOfAFloodOfStrangersTogetherAndOfWhoLogsInByThemselves) {
    std::string settings = test::read(ca_ / "ca.toml");
    const std::string by_default = "# refusals_recorded = 6000";
    settings.replace(settings.find(by_default), by_default.size(), "refusals_recorded = 10");
    test::write(ca_ / "ca.toml", settings);
    ASSERT_TRUE(service_->reload());
    constexpr std::size_t kEach = 20;
    for (std::size_t i = 0; i < kEach; ++i) {
        EXPECT_EQ(code_of(client().post_json("/v1/login", "{}").value()), Code::malformed_request);
        const json enrolment{{"token", "made-up-" + std::to_string(i)}, {"csr", csr_}};
        EXPECT_EQ(code_of(client().post_json("/v1/enroll", enrolment.dump()).value()), Code::unauthenticated);
        const json bad_request{{"username", "alice"}, {"password", "correct horse"}, {"csr", "none"}};
        EXPECT_NE(client().post_json("/v1/login", bad_request.dump()).value().status, 200U);
    }
    service_->tick();
    EXPECT_EQ(login("bob", "guess").status, 401U);
    // Some of the budget has come back meanwhile.
    std::size_t by_themselves = 0;
    std::size_t together = 0;
    std::size_t judged = 0;
    std::istringstream log(test::read(ca_ / "audit.jsonl"));
    for (std::string line; std::getline(log, line);) {
        const json record = json::parse(line);
        const std::string action = record["event"]["action"];
        const bool is_judged =
            record["event"].value("reason", "") == "unauthenticated" && action == "login.failed";
        judged += is_judged ? 1 : 0;
        by_themselves += !is_judged && (action == "login.failed" || action == "certificate.refused") ? 1 : 0;
        together += record["postern"].value("more", std::size_t{0});
    }
    EXPECT_EQ(by_themselves + together, 3 * kEach);
    EXPECT_GE(by_themselves, 10U);
    EXPECT_LE(by_themselves, 20U) << "ten, and what a slow machine adds";
    EXPECT_EQ(judged, 1U) << "a password that was judged is always recorded";
}

TEST_F(CaService, LogsNothingForEachThatStrangersFailAt) {
    const test::KeptLog log;
    for (int i = 0; i < 5; ++i) {
        EXPECT_EQ(client().get("/nowhere").value().status, 404U);
        EXPECT_EQ(client().post_json("/v1/login", "{}").value().status, 400U);
        EXPECT_EQ(client().post_json("/v1/renew", "{}").value().status, 401U);
        EXPECT_EQ(client().post_json("/v1/enroll", json{{"token", "x"}, {"csr", csr_}}.dump()).value().status,
                  401U);
    }
    EXPECT_EQ(login("alice", "wrong horse").status, 401U);
    EXPECT_EQ(log.told(), "");
    EXPECT_THAT(records(), testing::Contains("login.failed:unauthenticated")) << "the audit log has it";
}

TEST(Refusal, LogsWhatIsThisServicesOwnFaultButNotWithoutBound) {
    const test::KeptLog log;
    const Failure busy{Code::unavailable, "the worker queue is full"};
    for (int i = 0; i < 10'000; ++i) {
        api::refusal(api::Asked::login, busy, "id-" + std::to_string(i));
    }
    std::istringstream told(log.told());
    std::size_t lines = 0;
    for (std::string line; std::getline(told, line); ++lines) {
        EXPECT_THAT(line, HasSubstr("event=request.refused"));
    }
    EXPECT_GE(lines, 1U);
    EXPECT_LE(lines, 200U);
}

TEST_F(CaService, AnswersTheRightPasswordWithACertificateForThePerson) {
    const auto answer = login("alice", "correct horse");
    const auto credentials = credentials_of(answer);
    const pki::Certificate& leaf = credentials.chain.front();
    const auto identity = pki::login_identity(leaf).value();
    EXPECT_EQ(identity.name, "alice");
    EXPECT_THAT(identity.groups, ElementsAre("analysts"));
    EXPECT_EQ(identity.trust_domain, "example.org");
    const auto bundle = pki::TrustBundle::load(ca_ / "user-ca.pem").value();
    EXPECT_TRUE(bundle.verify(leaf, credentials.chain, pki::Purpose::client_auth, system_clock()()));
    const json body = json::parse(answer.body);
    EXPECT_EQ(body.at("session").at("id"), identity.session_id);
    EXPECT_EQ(parse_time(body.at("not_after").get<std::string>()).value(), leaf.not_after());
    EXPECT_LT(parse_time(body.at("renew_after").get<std::string>()).value(), leaf.not_after());
    EXPECT_THAT(records(), testing::IsSupersetOf({"login.succeeded", "certificate.issued"}));
}

TEST_F(CaService, PutsAPersonIntoAsManyGroupsAsACertificateHoldsAndNoMore) {
    for (int i = 0; i < 255; ++i) {
        ASSERT_TRUE(store::add_to_group(*database_, "alice", "group" + std::to_string(i)));
    }
    credentials_of(login("alice", "correct horse"));
    const Ran refused = run({"--dir", ca_, "group", "add", "alice", "one-more"});
    EXPECT_EQ(refused.exit_code, 1);
    EXPECT_THAT(refused.err, HasSubstr("256 groups"));
    EXPECT_THAT(refused.err, HasSubstr("group remove"));
    EXPECT_EQ(run({"--dir", ca_, "group", "add", "alice", "group7"}).exit_code, 0) << "is in it already";
    std::vector<std::string> adding{"--dir", ca_, "user", "add", "bob"};
    for (int i = 0; i < 257; ++i) {
        adding.insert(adding.end(), {"--group", "group" + std::to_string(i)});
    }
    const Ran too_many = run(adding);
    EXPECT_EQ(too_many.exit_code, 2);
    EXPECT_THAT(too_many.err, HasSubstr("256 groups"));
    EXPECT_EQ(run({"--dir", ca_, "group", "remove", "alice", "group7"}).exit_code, 0);
    EXPECT_EQ(run({"--dir", ca_, "group", "add", "alice", "one-more"}).exit_code, 0);
    credentials_of(login("alice", "correct horse"));
}

TEST_F(CaService, TakesACertificateThatItCannotMakeForItsOwnFault) {
    for (int i = 0; i < 300; ++i) {
        // Around what add_to_group refuses, as an older version did.
        const std::string group = "group" + std::to_string(i);
        database_->session() << "INSERT INTO user_groups (user_name, group_name) VALUES ('alice', :group)",
            soci::use(group);
    }
    for (int i = 0; i < 10; ++i) {
        const auto answer = login("alice", "correct horse");
        EXPECT_EQ(answer.status, 500U) << "not the throttle's";
        EXPECT_EQ(code_of(answer), Code::internal);
        EXPECT_THAT(answer.body, HasSubstr("Tell your administrator"));
    }
}

TEST_F(CaService, GivesAWrongPasswordAndAnUnknownUserTheSameAnswer) {
    const auto wrong = login("alice", "wrong horse");
    const auto unknown = login("nobody", "correct horse");
    const auto no_name = login("no name' --", "correct horse");
    EXPECT_EQ(wrong.status, 401U);
    const auto without_id = [](const http::ClientAnswer& answer) {
        json body = json::parse(answer.body);
        body.erase("connection_id");
        return body;
    };
    EXPECT_EQ(without_id(wrong), without_id(unknown));
    EXPECT_EQ(without_id(wrong), without_id(no_name));
    EXPECT_THAT(records(), testing::Contains("login.failed:unauthenticated").Times(3));
}

TEST_F(CaService, TurnsAwayADisabledUserAndRevokesWhatTheyHold) {
    const auto credentials = credentials_of(login("alice", "correct horse"));
    ASSERT_EQ(run({"--dir", ca_, "user", "disable", "alice"}).exit_code, 0);
    EXPECT_EQ(code_of(login("alice", "correct horse")), Code::user_disabled);
    EXPECT_EQ(code_of(login("alice", "wrong horse")), Code::unauthenticated);
    EXPECT_EQ(code_of(renew(credentials)), Code::user_disabled);
    const auto crl = client().get("/v1/crl").value();
    const auto list = pki::Crl::verify(crl.body, credentials.chain.back()).value();
    EXPECT_EQ(list.find(credentials.chain.front().serial()), pki::RevocationReason::privilege_withdrawn);
    ASSERT_EQ(run({"--dir", ca_, "user", "enable", "alice"}).exit_code, 0);
    EXPECT_EQ(login("alice", "correct horse").status, 200U);
    EXPECT_THAT(records(), testing::IsSupersetOf({"admin.user_disabled", "certificate.revoked:user_disabled",
                                                  "session.ended:user_disabled", "admin.user_enabled"}));
}

TEST_F(CaService, MakesGuessersWait) {
    unsigned refused = 0;
    for (int i = 0; i < 12 && refused == 0; ++i) {
        refused = login("alice", "wrong horse").status == 429 ? 1 : 0;
    }
    EXPECT_EQ(refused, 1U);
    EXPECT_EQ(code_of(login("alice", "correct horse")), Code::limit_reached) << "also with the right one";
    EXPECT_THAT(records(), testing::Contains("login.failed:limit_reached"));
}

TEST_F(CaService, CountsAttemptsThatItCannotReadAsGuesses) {
    const json body{{"username", "alice"}, {"password", "wrong horse"}, {"csr", "no csr"}};
    bool is_made_to_wait = false;
    for (int i = 0; i < 12 && !is_made_to_wait; ++i) {
        is_made_to_wait = client().post_json("/v1/login", body.dump()).value().status == 429;
    }
    EXPECT_TRUE(is_made_to_wait);
}

TEST_F(CaService, RenewsWithinTheSessionWithTheGroupsOfNow) {
    const auto credentials = credentials_of(login("alice", "correct horse"));
    ASSERT_TRUE(store::add_to_group(*database_, "alice", "operators").value());
    const auto renewed = credentials_of(renew(credentials));
    const auto identity = pki::login_identity(renewed.chain.front()).value();
    EXPECT_THAT(identity.groups, ElementsAre("analysts", "operators"));
    EXPECT_EQ(identity.session_id, pki::login_identity(credentials.chain.front()).value().session_id);
    EXPECT_NE(identity.serial, credentials.chain.front().serial());
    EXPECT_THAT(records(), testing::Contains("certificate.renewed"));
}

/// A certificate that ended a minute ago, of a session that lives or is over.
net::TlsCredentials ended_certificate(const std::filesystem::path& ca, store::Database& database,
                                      const pki::PrivateKey& key, const std::string& csr, SystemTime now,
                                      SystemTime session_expires) {
    const auto authority = Authority::load(ca).value();
    store::Session session;
    session.id = new_connection_id();
    session.user = "alice";
    session.created_at = now - hours(2);
    session.expires_at = session_expires;
    EXPECT_TRUE(store::add_session(database, session));
    pki::LoginProfile profile;
    profile.name = "alice";
    profile.session_id = session.id;
    profile.trust_domain = "example.org";
    profile.not_before = now - hours(2);
    profile.not_after = now - minutes(1);
    profile.crl_url = "https://localhost/v1/crl";
    const auto leaf = authority.users().issue_login(pki::public_key_from_csr(csr).value(), profile).value();
    store::IssuedCertificate issued;
    issued.serial = leaf.serial();
    issued.user = "alice";
    issued.session_id = session.id;
    issued.not_before = leaf.not_before();
    issued.not_after = leaf.not_after();
    issued.issued_at = now - hours(2);
    EXPECT_TRUE(store::add_certificate(database, issued));
    return {key, {leaf, authority.users().chain().front()}};
}

TEST_F(CaService, RenewsAnEndedCertificateWhileItsSessionLives) {
    const auto ended = ended_certificate(ca_, *database_, key_, csr_, now_, now_ + hours(10));
    EXPECT_EQ(renew(ended).status, 200U);
}

TEST_F(CaService, RefusesAnEndedCertificateOfAnEndedSession) {
    const auto ended = ended_certificate(ca_, *database_, key_, csr_, now_, now_ - seconds(1));
    const auto answer = renew(ended);
    EXPECT_EQ(answer.status, 403U);
    EXPECT_EQ(code_of(answer), Code::session_ended);
    EXPECT_THAT(records(), testing::Contains("certificate.refused:session_ended"));
}

TEST_F(CaService, RecordsTheFirstRefusalsOfEachCertificateAndCountsTheOthers) {
    constexpr std::size_t kEach = 30;
    std::set<std::string> serials;
    for (const auto& ended : {ended_certificate(ca_, *database_, key_, csr_, now_, now_ - seconds(1)),
                              ended_certificate(ca_, *database_, key_, csr_, now_, now_ - seconds(1))}) {
        serials.insert(ended.chain.front().serial());
        for (std::size_t i = 0; i < kEach; ++i) {
            ASSERT_EQ(renew(ended).status, 403U);
        }
    }
    service_->tick();
    std::map<std::string, std::size_t> recorded;
    std::size_t together = 0;
    std::istringstream log(test::read(ca_ / "audit.jsonl"));
    for (std::string line; std::getline(log, line);) {
        const json record = json::parse(line);
        together += record["postern"].value("more", std::size_t{0});
        if (record["event"]["action"] == "certificate.refused") {
            EXPECT_EQ(record["user"]["name"], "alice");
            ++recorded[record["tls"]["client"]["x509"]["serial_number"]];
        }
    }
    ASSERT_EQ(recorded.size(), 2U);
    for (const auto& [serial, count] : recorded) {
        EXPECT_EQ(serials.count(serial), 1U) << serial;
        EXPECT_EQ(count, 10U);
    }
    EXPECT_EQ(together, 2 * kEach - 20);
}

TEST_F(CaService, DoesNotRenewAroundARevocationThroughAnOlderCertificate) {
    const auto first = credentials_of(login("alice", "correct horse"));
    const auto second = credentials_of(renew(first));
    ASSERT_EQ(run({"--dir", ca_, "cert", "revoke", second.chain.front().serial()}).exit_code, 0);
    EXPECT_EQ(code_of(renew(second)), Code::revoked);
    EXPECT_EQ(code_of(renew(first)), Code::revoked);
}

TEST_F(CaService, RefusesARenewalWithoutACertificate) {
    const auto answer = client().post_json("/v1/renew", json{{"csr", csr_}}.dump()).value();
    EXPECT_EQ(answer.status, 401U);
    EXPECT_EQ(code_of(answer), Code::no_certificate);
}

TEST_F(CaService, RefusesACertificateOfAnotherCaInTheHandshake) {
    const auto other = directory_.path() / "other";
    ASSERT_EQ(run({"--dir", other, "init", "--name", "localhost", "--trust-domain", "example.org"}).exit_code,
              0);
    auto foreign_database = store::Database::open(other / "state.db").value();
    store::User alice;
    alice.name = "alice";
    alice.password_hash = "x";
    ASSERT_TRUE(store::add_user(foreign_database, alice));
    const auto foreign = ended_certificate(other, foreign_database, key_, csr_, now_, now_ + hours(10));
    EXPECT_FALSE(client(foreign).post_json("/v1/renew", json{{"csr", csr_}}.dump()));
}

TEST_F(CaService, EndsTheSessionAtLogout) {
    const auto credentials = credentials_of(login("alice", "correct horse"));
    EXPECT_EQ(client(credentials).post_json("/v1/logout", "").value().status, 204U);
    EXPECT_EQ(code_of(renew(credentials)), Code::session_ended);
    EXPECT_EQ(client(credentials).post_json("/v1/logout", "").value().status, 204U) << "twice is as good";
    EXPECT_THAT(records(),
                testing::IsSupersetOf({"session.ended:session_ended", "certificate.revoked:session_ended"}));
}

TEST_F(CaService, RenewsOneSessionOnlySoOften) {
    Config few = config();
    few.certificates_per_session = 3;
    start(few);
    const auto credentials = credentials_of(login("alice", "correct horse"));
    EXPECT_EQ(renew(credentials).status, 200U);
    const auto newest = credentials_of(renew(credentials));
    for (const auto& one : {credentials, newest}) {
        const auto refused = renew(one);
        EXPECT_EQ(refused.status, 429U);
        EXPECT_EQ(code_of(refused), Code::limit_reached);
        EXPECT_THAT(refused.body, HasSubstr("Too many certificates"));
    }
    EXPECT_EQ(renew(credentials_of(login("alice", "correct horse"))).status, 200U) << "another session";
    EXPECT_THAT(records(), testing::Contains("certificate.refused:limit_reached").Times(2));
    EXPECT_THAT(records(), testing::Contains("certificate.renewed").Times(3));
}

TEST_F(CaService, RenewsAgainOnceTheOthersAreOld) {
    Config few = config();
    few.certificates_per_session = 1;
    few.certificates_per_user = 1;
    start(few);
    const auto ended = ended_certificate(ca_, *database_, key_, csr_, now_, now_ + hours(10));
    EXPECT_EQ(renew(ended).status, 200U);
    EXPECT_EQ(renew(ended).status, 429U);
}

TEST_F(CaService, GivesOneUserOnlySoManyCertificates) {
    Config few = config();
    few.certificates_per_user = 2;
    start(few);
    const auto credentials = credentials_of(login("alice", "correct horse"));
    EXPECT_EQ(login("alice", "correct horse").status, 200U);
    EXPECT_EQ(code_of(login("alice", "correct horse")), Code::limit_reached);
    EXPECT_EQ(code_of(login("alice", "wrong horse")), Code::unauthenticated)
        << "told only to who knows the password";
    EXPECT_EQ(code_of(renew(credentials)), Code::limit_reached);
    EXPECT_THAT(records(), testing::Contains("login.succeeded").Times(2));
    EXPECT_THAT(records(), testing::Contains("login.failed:limit_reached").Times(1));
}

TEST_F(CaService, RecordsTheRevocationOfWhatIsAliveAlone) {
    const auto credentials = credentials_of(login("alice", "correct horse"));
    store::IssuedCertificate over;
    over.serial = std::string(32, 'a');
    over.user = "alice";
    over.session_id = pki::login_identity(credentials.chain.front()).value().session_id;
    over.not_after = now_ - hours(1);
    over.issued_at = now_ - hours(2);
    ASSERT_TRUE(store::add_certificate(*database_, over));
    ASSERT_EQ(run({"--dir", ca_, "user", "disable", "alice"}).exit_code, 0);
    EXPECT_THAT(records(), testing::Contains("certificate.revoked:user_disabled").Times(1));
    EXPECT_THAT(records(), testing::Contains("session.ended:user_disabled").Times(1));
    const auto crl = client().get("/v1/crl").value();
    const auto list = pki::Crl::verify(crl.body, credentials.chain.back()).value();
    EXPECT_TRUE(list.find(credentials.chain.front().serial()));
    EXPECT_TRUE(list.find(over.serial)) << "a gateway's grace may still carry its tunnel";
}

TEST_F(CaService, NeverPromisesMoreThanTheSession) {
    Config short_session = config();
    short_session.session_lifetime = seconds(40);
    start(short_session);
    const auto answer = login("alice", "correct horse");
    const json body = json::parse(answer.body);
    EXPECT_LE(credentials_of(answer).chain.front().not_after(),
              parse_time(body.at("session").at("expires").get<std::string>()).value());
}

TEST_F(CaService, AnswersAKnownCrlWith304AndARevocationWithANewOne) {
    const auto credentials = credentials_of(login("alice", "correct horse"));
    const auto first = client().get("/v1/crl").value();
    EXPECT_EQ(first.status, 200U);
    EXPECT_EQ(client().get("/v1/crl", first.etag).value().status, 304U);
    ASSERT_EQ(run({"--dir", ca_, "cert", "revoke", "--user", "alice"}).exit_code, 0);
    const auto second = client().get("/v1/crl", first.etag).value();
    EXPECT_EQ(second.status, 200U);
    const auto issuing = credentials.chain.back();
    EXPECT_GT(pki::Crl::verify(second.body, issuing).value().number(),
              pki::Crl::verify(first.body, issuing).value().number());
}

TEST_F(CaService, AnswersAndRecordsEachConnectionInAFloodOfGarbage) {
    Config narrow = config();
    narrow.request_workers = 1;
    narrow.request_queue = 1;
    narrow.audit_durability = audit::Durability::sync;
    start(narrow);
    constexpr int kGarbage = 300;
    std::thread flood([port = service_->port()] {
        for (int i = 0; i < kGarbage; ++i) {
            const UniqueFd peer(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
            const boost::asio::ip::tcp::endpoint endpoint(boost::asio::ip::address_v4::loopback(), port);
            ::connect(peer.get(), endpoint.data(), static_cast<socklen_t>(endpoint.size()));
            ::send(peer.get(), "garbage\r\n\r\n", 11, MSG_NOSIGNAL);
        }
    });
    http::Client good = client();
    for (int i = 0; i < 50; ++i) {
        EXPECT_EQ(good.get("/v1/crl").value().status, 200U);
    }
    flood.join();
    const auto all_are_recorded = [&] {
        const auto told = records();
        return std::count(told.begin(), told.end(), "connection.rejected:not_tls") == kGarbage;
    };
    const auto end = std::chrono::steady_clock::now() + seconds(20);
    while (!all_are_recorded() && std::chrono::steady_clock::now() < end) {
        std::this_thread::yield();
    }
    EXPECT_TRUE(all_are_recorded());
}

TEST_F(CaService, TradesATokenForAServersCertificateOnce) {
    const Ran made =
        run({"--dir", ca_, "token", "create", "--service", "orders-db", "--dns", "localhost", "--json"});
    ASSERT_EQ(made.exit_code, 0) << made.err;
    const json body{{"token", json::parse(made.out).at("token")}, {"csr", csr_}};
    const auto first = client().post_json("/v1/enroll", body.dump()).value();
    ASSERT_EQ(first.status, 200U) << first.body;
    const auto chain =
        pki::certificates_from_pem(json::parse(first.body).at("certificate").get<std::string>()).value();
    EXPECT_TRUE(
        pki::check_server_identity(chain.front(), "example.org", pki::ServerKind::service, "orders-db"));
    EXPECT_FALSE(pki::check_server_identity(chain.front(), "example.org", pki::ServerKind::gateway, ""));
    EXPECT_THAT(chain.front().dns_names(), ElementsAre("localhost"));
    const auto second = client().post_json("/v1/enroll", body.dump()).value();
    EXPECT_EQ(second.status, 401U);
}

TEST_F(CaService, EnrollsFromTheCommandLineOnlyWithTheRightPin) {
    const std::string url = "https://localhost:" + std::to_string(service_->port());
    const json made = json::parse(
        run({"--dir", ca_, "token", "create", "--service", "orders-db", "--dns", "localhost", "--json"}).out);
    const std::string token = made.at("token");
    const auto enroll = [&](const std::string& pin) {
        return run({"enroll", "--ca", url, "--fingerprint", pin, "--token", token, "--out-cert",
                    directory_.path() / "server.pem", "--out-key", directory_.path() / "server.key"});
    };
    const Ran wrong = enroll("sha256:" + std::string(64, '0'));
    EXPECT_EQ(wrong.exit_code, 4);
    EXPECT_THAT(wrong.err, HasSubstr("fingerprint"));
    EXPECT_FALSE(std::filesystem::exists(directory_.path() / "server.key"));
    std::filesystem::create_directory(directory_.path() / "server.pem");
    test::write(directory_.path() / "server.key", "the old key");
    const Ran at_a_folder = enroll(server_root_pin(ca_).value());
    EXPECT_EQ(at_a_folder.exit_code, 1);
    EXPECT_THAT(at_a_folder.err, HasSubstr("the token is still good"));
    EXPECT_EQ(test::read(directory_.path() / "server.key"), "the old key");
    std::filesystem::remove(directory_.path() / "server.pem");
    const Ran right = enroll(server_root_pin(ca_).value());
    EXPECT_EQ(right.exit_code, 0) << right.err;
    const auto mode = std::filesystem::status(directory_.path() / "server.key").permissions();
    EXPECT_EQ(static_cast<unsigned>(mode), 0600U);
}

TEST_F(CaService, EnrollsWithTheTokenThatIsNamedAndNotThatOfTheEnvironment) {
    const json made = json::parse(
        run({"--dir", ca_, "token", "create", "--service", "orders-db", "--dns", "localhost", "--json"}).out);
    test::write(directory_.path() / "token", made.at("token").get<std::string>() + "\n");
    const auto enroll = [&](const std::vector<std::string>& more) {
        std::vector<std::string> command{"enroll",
                                         "--ca",
                                         "https://localhost:" + std::to_string(service_->port()),
                                         "--fingerprint",
                                         server_root_pin(ca_).value(),
                                         "--out-cert",
                                         directory_.path() / "server.pem",
                                         "--out-key",
                                         directory_.path() / "server.key"};
        command.insert(command.end(), more.begin(), more.end());
        return run(command);
    };
    const std::string file = directory_.path() / "token";
    EXPECT_EQ(enroll({"--token", "one", "--token-file", file}).exit_code, 2);
    ::setenv("POSTERN_TOKEN", "stale", 1);
    EXPECT_EQ(enroll({}).exit_code, 4) << "without an option it counts";
    const Ran right = enroll({"--token-file", file});
    ::unsetenv("POSTERN_TOKEN");
    EXPECT_EQ(right.exit_code, 0) << right.err;
}

TEST_F(CaService, RefusesWhatItCannotRead) {
    EXPECT_EQ(client().post_json("/v1/login", "no json").value().status, 400U);
    EXPECT_EQ(client().post_json("/v1/login", "[]").value().status, 400U);
    EXPECT_EQ(client().post_json("/v1/login", R"({"username":"alice"})").value().status, 400U);
    const json no_csr{{"username", "alice"}, {"password", "correct horse"}, {"csr", "no csr"}};
    EXPECT_EQ(client().post_json("/v1/login", no_csr.dump()).value().status, 400U);
    EXPECT_EQ(client().get("/v1/nothing").value().status, 404U);
    EXPECT_EQ(client().get("/v1/login").value().status, 405U);
}

TEST_F(CaService, RefusesWhenItCannotRecord) {
    rlimit before{};
    ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
    ::signal(SIGXFSZ, SIG_IGN);
    rlimit none = before;
    none.rlim_cur = 1;
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &none), 0);
    const auto wrong = login("alice", "wrong horse");
    const auto right = login("alice", "correct horse");
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
    EXPECT_EQ(wrong.status, 503U);
    EXPECT_EQ(code_of(wrong), Code::audit_unavailable);
    EXPECT_GE(right.status, 500U);
    EXPECT_EQ(login("alice", "correct horse").status, 200U) << "recovers";
}

TEST_F(CaService, KeepsTheOldConfigurationWhenTheNewOneIsBad) {
    const std::string good = test::read(ca_ / "ca.toml");
    test::write(ca_ / "ca.toml", good + "\n[[service]]\nname = \"orders-db\"\nusermap = true\n");
    const auto refused = service_->reload();
    ASSERT_FALSE(refused);
    EXPECT_THAT(refused.error().detail, HasSubstr("user_map"));
    EXPECT_TRUE(json::parse(login("alice", "correct horse").body).at("catalogue").at("services").empty());
    test::write(ca_ / "ca.toml", good + "\n[[service]]\nname = \"orders-db\"\nuser_map = true\n");
    ASSERT_TRUE(service_->reload());
    const json services = json::parse(login("alice", "correct horse").body).at("catalogue").at("services");
    EXPECT_EQ(services, json::parse(R"([{"name":"orders-db","server_name":null,"user_map":true}])"));
}

TEST_F(CaService, MakesItsCertificateAnewWhenTheClockWasAhead) {
    test::ManualClock clock(now_ + hours(1));
    start(config(), clock);
    service_->tick();
    ASSERT_FALSE(client().get("/v1/health")) << "not valid yet";
    clock.advance(-hours(1));
    service_->tick();
    EXPECT_TRUE(client().get("/v1/health"));
}

/// A CA that is made with the name and the address, serves, and is asked at that name.
void serve_under(const std::filesystem::path& ca, const std::string& name, const std::string& listen,
                 const std::string& url_host) {
    const Ran made = run(
        {"--dir", ca, "init", "--name", name, "--trust-domain", "example.org", "--listen", listen, "--json"});
    ASSERT_EQ(made.exit_code, 0) << made.err;
    EXPECT_EQ(json::parse(made.out).at("url"), "https://" + url_host + ":27444");
    const Ran token = run({"--dir", ca, "token", "create", "--gateway", "gw1", "--dns", "localhost"});
    EXPECT_THAT(token.out, HasSubstr("--ca https://" + url_host + ":27444 "));
    Config settings = Config::load(ca / "ca.toml", ca).value();
    EXPECT_EQ(settings.crl_url, "https://" + url_host + ":27444/v1/crl");
    settings.listen.port = "0";
    const auto service = Service::start({ca, ca / "ca.toml", ca / "state.db"}, settings);
    ASSERT_TRUE(service) << service.error().detail;
    http::ClientOptions options;
    options.url = "https://" + url_host + ":" + std::to_string((*service)->port());
    options.server_ca = pki::TrustBundle::load(ca / "server-ca.pem").value();
    options.trust_domain = "example.org";
    const auto answer = http::Client::make(options).value().get("/v1/health");
    ASSERT_TRUE(answer) << answer.error().detail;
    EXPECT_EQ(answer->status, 200U);
    options.trust_domain = "example.com";
    EXPECT_FALSE(http::Client::make(options).value().get("/v1/health")) << "it is of another trust domain";
}

TEST(CaName, MayBeAnIpv6Address) {
    const test::TemporaryDirectory directory;
    serve_under(directory.path() / "ca", "::1", "[::1]:27444", "[::1]");
}

TEST(CaName, MayBeAnIpv4Address) {
    const test::TemporaryDirectory directory;
    serve_under(directory.path() / "ca", "127.0.0.1", "127.0.0.1:27444", "127.0.0.1");
}

TEST_F(CaService, ServesUnderALongName) {
    const std::string label(60, 'x');
    Config named = config();
    named.names.insert(named.names.begin(), label + "." + label + "." + label + ".example.org");
    start(named);
    EXPECT_EQ(client().get("/v1/health").value().status, 200U);
}

TEST_F(CaService, WarnsDailyOfAnIssuingCertificateThatEnds) {
    test::ManualClock clock(now_);
    start(config(), clock);
    const test::KeptLog log;
    const auto warnings = [&] {
        std::size_t count = 0;
        const std::string told = log.told();
        for (auto at = told.find("event=ca.issuing_certificate_ends"); at != std::string::npos;
             at = told.find("event=ca.issuing_certificate_ends", at + 1)) {
            ++count;
        }
        return count;
    };
    service_->tick();
    EXPECT_EQ(warnings(), 0U);
    clock.advance(hours(24 * 710));
    service_->tick();
    service_->tick();
    EXPECT_EQ(warnings(), 2U) << "one of each authority";
    clock.advance(hours(24));
    service_->tick();
    EXPECT_EQ(warnings(), 4U);
}

TEST_F(CaService, RefusesASecondListenerOnItsPort) {
    Config second = config();
    second.listen.port = std::to_string(service_->port());
    EXPECT_EQ(Service::start({ca_, ca_ / "ca.toml", ca_ / "state.db"}, second).error().code,
              Code::already_exists);
}

TEST(CaInit, RefusesAnExistingCaAndAFolderWithOtherThings) {
    const test::TemporaryDirectory directory;
    const auto ca = directory.path() / "ca";
    ASSERT_EQ(run({"--dir", ca, "init", "--name", "localhost"}).exit_code, 0);
    const std::string key = test::read(ca / "user-root.key");
    const Ran again = run({"init", "--name", "localhost", "--dir", ca});
    EXPECT_EQ(again.exit_code, 1);
    EXPECT_THAT(again.err, HasSubstr("already"));
    EXPECT_EQ(test::read(ca / "user-root.key"), key);
    const auto other = directory.path() / "other";
    std::filesystem::create_directory(other);
    test::write(other / "precious", "data");
    EXPECT_EQ(run({"--dir", other, "init", "--name", "localhost"}).exit_code, 1);
    EXPECT_EQ(test::read(other / "precious"), "data");
}

TEST(CaInit, StartsOverWhereAnInterruptedOneStopped) {
    const test::TemporaryDirectory directory;
    const auto ca = directory.path() / "ca";
    std::filesystem::create_directory(ca);
    test::write(ca / ".init-unfinished", "");
    test::write(ca / "user-root.key", "half");
    test::write(ca / "state.db", "half");
    const Ran listed = run({"--dir", ca, "user", "list"});
    EXPECT_EQ(listed.exit_code, 1);
    EXPECT_THAT(listed.err, HasSubstr("init was interrupted"));
    EXPECT_EQ(run({"--dir", ca, "init", "--name", "localhost"}).exit_code, 0);
    EXPECT_EQ(run({"--dir", ca, "check-config"}).exit_code, 0);
}

TEST_F(CaService, EveryCommandThatChangesSomethingTellsItInJson) {
    const auto told = [&](std::vector<std::string> command) {
        command.insert(command.begin(), {"--dir", ca_});
        command.push_back("--json");
        const Ran ran = run(command);
        EXPECT_EQ(ran.exit_code, 0) << ran.err;
        return json::parse(ran.out);
    };
    EXPECT_EQ(told({"group", "add", "alice", "dba"}),
              json::parse(R"({"user":"alice","group":"dba","member":true,"changed":true})"));
    EXPECT_EQ(told({"group", "add", "alice", "dba"}),
              json::parse(R"({"user":"alice","group":"dba","member":true,"changed":false})"));
    EXPECT_EQ(told({"group", "remove", "alice", "dba"}),
              json::parse(R"({"user":"alice","group":"dba","member":false,"changed":true})"));
    credentials_of(login("alice", "correct horse"));
    EXPECT_EQ(told({"user", "disable", "alice"}),
              json::parse(R"({"name":"alice","disabled":true,"sessions":1,"certificates":1})"));
    EXPECT_EQ(told({"user", "enable", "alice"}), json::parse(R"({"name":"alice","disabled":false})"));
    EXPECT_EQ(told({"check-config"}), (json{{"file", (ca_ / "ca.toml").string()}, {"good", true}}));
}

TEST(CaServe, AsksTheServiceManagerForTheTimeThatTheDrainTakes) {
    const test::TemporaryDirectory directory;
    const std::string ca = directory.path() / "ca";
    ASSERT_EQ(run({"--dir", ca, "init", "--name", "localhost", "--listen", "127.0.0.1:0"}).exit_code, 0);
    const postern::test::NotifySocket systemd(directory.path() / "notify");
    ::setenv("NOTIFY_SOCKET", (directory.path() / "notify").c_str(), 1);
    int exit_code = -1;
    std::thread serving([&] { exit_code = run({"--dir", ca, "serve"}).exit_code; });
    EXPECT_TRUE(systemd.is_told("READY=1"));
    ::pthread_kill(serving.native_handle(), SIGTERM);
    EXPECT_TRUE(systemd.is_told("STOPPING=1"));
    EXPECT_TRUE(systemd.is_told("EXTEND_TIMEOUT_USEC=30000000"));
    serving.join();
    ::unsetenv("NOTIFY_SOCKET");
    EXPECT_EQ(exit_code, 0);
}

TEST(CaCommands, TellUsageErrorsApartFromFailures) {
    const test::TemporaryDirectory directory;
    EXPECT_EQ(run({"user", "lst"}).exit_code, 2);
    EXPECT_EQ(run({"--dir", directory.path(), "user", "list"}).exit_code, 1);
    const auto ca = directory.path() / "ca";
    ASSERT_EQ(run({"--dir", ca, "init", "--name", "localhost"}).exit_code, 0);
    EXPECT_EQ(run({"--dir", ca, "cert", "revoke"}).exit_code, 2);
    EXPECT_EQ(run({"--dir", ca, "cert", "revoke", "abcd"}).exit_code, 1);
    EXPECT_EQ(run({"--dir", ca, "user", "disable", "nobody"}).exit_code, 1);
    EXPECT_EQ(run({"--dir", ca, "token", "create", "--gateway", "gw1", "--dns", "not a name"}).exit_code, 2);
    EXPECT_EQ(run({"--help"}).exit_code, 0);
    test::write(ca / "ca.toml", "[ca]\nlisen = 1\n");
    const Ran checked = run({"--dir", ca, "check-config"});
    EXPECT_EQ(checked.exit_code, 3);
    EXPECT_THAT(checked.err, HasSubstr("did you mean 'listen'"));
}

}  // namespace
}  // namespace postern::ca

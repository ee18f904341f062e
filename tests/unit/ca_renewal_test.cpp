// Renewals and the sessions that they belong to, asked over real TLS.

#include <map>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "base/connection_id.hpp"
#include "base/json.hpp"
#include "ca-service/authority.hpp"
#include "ca-service/login_throttle.hpp"
#include "ca-service/password.hpp"
#include "ca-service/store/certificates.hpp"
#include "ca-service/store/sessions.hpp"
#include "ca-service/store/users.hpp"
#include "pki/certificate_builder.hpp"
#include "pki/crl.hpp"
#include "pki/identity.hpp"
#include "unit/ca_service_fixture.hpp"
#include "unit/gateway_visitor.hpp"

namespace postern::ca {
namespace {

using nlohmann::json;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::HasSubstr;

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

TEST_F(CaService, RenewsForTheKeyOfTheCertificateThatIsShownAlone) {
    const auto another = pki::make_csr_pem(pki::PrivateKey::generate_p256().value(), "alice").value();
    const auto live = credentials_of(login("alice", "correct horse"));
    const auto ended = ended_certificate(ca_, *database_, key_, csr_, now_, now_ + hours(10));
    for (const net::TlsCredentials& shown : {live, ended}) {
        const auto refused = client(shown).post_json("/v1/renew", json{{"csr", another}}.dump()).value();
        EXPECT_EQ(refused.status, 403U);
        EXPECT_EQ(code_of(refused), Code::policy_denied);
        EXPECT_THAT(refused.body, HasSubstr("for its own key only"));
        EXPECT_EQ(renew(shown).status, 200U);
    }
    EXPECT_THAT(records(), testing::Contains("certificate.refused:policy_denied").Times(2));
    EXPECT_THAT(records(), testing::Contains("certificate.renewed").Times(2));
}

TEST_F(CaService, RefusesACertificateThatMayDoAnythingOfACaInTheHandshake) {
    const auto good = credentials_of(login("alice", "correct horse"));
    const auto authority = Authority::load(ca_).value();
    const auto bent = [&](bool is_ca, const std::vector<int>& key_usage, SystemTime not_after) {
        pki::CertificateBuilder builder;
        builder.subject_of(good.chain.front())
            .validity(now_ - hours(2), not_after)
            .public_key(key_.get())
            .issued_by(authority.users().chain().front())
            .basic_constraints(is_ca)
            .key_usage(key_usage)
            .extended_key_usage(NID_client_auth)
            .alternative_names({"spiffe://example.org/user/alice"}, {})
            .session(pki::login_identity(good.chain.front()).value().session_id);
        const auto leaf = builder.sign(authority.users().key()).value();
        return net::TlsCredentials{key_, {leaf, authority.users().chain().front()}};
    };
    const auto ask = [&](const net::TlsCredentials& shown) {
        return client(shown).post_json("/v1/renew", json{{"csr", csr_}}.dump());
    };
    const auto plain = ask(bent(false, {0}, now_ + hours(1)));
    ASSERT_TRUE(plain) << plain.error().detail;
    EXPECT_EQ(plain->status, 401U) << "the store does not know it; the handshake does";
    for (const SystemTime end : {now_ + hours(1), now_ - hours(1)}) {
        EXPECT_FALSE(ask(bent(true, {0}, end)));
        EXPECT_FALSE(ask(bent(true, {0, 5, 6}, end)));
        EXPECT_FALSE(ask(bent(false, {0, 5}, end)));
    }
}

TEST_F(CaService, RefusesAnEndedCertificateOfAnEndedSession) {
    const auto ended = ended_certificate(ca_, *database_, key_, csr_, now_, now_ - seconds(1));
    const auto answer = renew(ended);
    EXPECT_EQ(answer.status, 403U);
    EXPECT_EQ(code_of(answer), Code::session_ended);
    EXPECT_THAT(records(), testing::Contains("certificate.refused:session_ended"));
}

TEST_F(CaService, TheKeyOfAnEarlierLoginLogsInWhereStrangersGuessAtThatName) {
    const auto old = ended_certificate(ca_, *database_, key_, csr_, now_, now_ - seconds(1));
    store::User bob;
    bob.name = "bob";
    bob.password_hash = PasswordHasher().hash(Secret(std::string_view("battery staple")));
    ASSERT_TRUE(store::add_user(*database_, bob));
    const auto log_in = [&](const std::string& user, const std::string& password) {
        const json body{{"username", user}, {"password", password}, {"csr", csr_}};
        return client(old).post_json("/v1/login", json_text(body)).value();
    };
    // Until none is judged any more; right before each claim, for places come back with time.
    const auto guess_at = [&](const std::string& user) {
        guess_until_they_wait([&] { return login(user, "guess").status; });
    };
    // Nothing of it is in this process: it is good after a restart, too.
    for (int restarts = 0; restarts < 2; ++restarts) {
        guess_at("alice");
        EXPECT_EQ(code_of(login("alice", "correct horse")), Code::limit_reached) << "a stranger to the service";
        EXPECT_EQ(log_in("alice", "correct horse").status, 200U);
        guess_at("bob");
        EXPECT_EQ(code_of(log_in("bob", "battery staple")), Code::limit_reached) << "it is alice's key";
        start(config());
    }
    guess_until_they_wait([&] { return log_in("alice", "guess").status; });
    EXPECT_EQ(code_of(log_in("alice", "correct horse")), Code::limit_reached) << "nobody guesses without end";
    EXPECT_EQ(login("alice", "correct horse").status, 200U) << "and holds nobody else out by it";
}

TEST_F(CaService, RemembersOverARestartWhereSomebodyHasLoggedInFrom) {
    ASSERT_EQ(login("alice", "correct horse").status, 200U);
    start(config());
    const gateway::ClientContext stranger({}, nullptr, pki::TrustBundle::load(ca_ / "server-ca.pem").value());
    const auto status_from = [&](const char* address, const std::string& password) {
        const std::string body = json{{"username", "alice"}, {"password", password}, {"csr", csr_}}.dump();
        return gateway::Visitor(service_->port(), stranger, address)
            .ask("POST /v1/login", "Content-Length: " + std::to_string(body.size()) + "\r\n", body)
            .status;
    };
    guess_until_they_wait([&] { return status_from("127.0.0.2", "guess"); });
    EXPECT_EQ(status_from("127.0.0.3", "correct horse"), 429U) << "where she has never been";
    EXPECT_EQ(status_from("127.0.0.1", "correct horse"), 200U);
}

TEST_F(CaService, AKeyIsKnownForAWhileAndOfThisTrustDomainAlone) {
    const auto old = ended_certificate(ca_, *database_, key_, csr_, now_, now_ - seconds(1)).chain.front();
    EXPECT_NE(known_key(old, "alice", "example.org", now_), "");
    EXPECT_EQ(known_key(old, "alice", "example.org", now_ + hours(24 * 91)), "");
    EXPECT_EQ(known_key(old, "alice", "example.com", now_), "");
    EXPECT_EQ(known_key(old, "Alice", "example.org", now_), "");
    const auto again = ended_certificate(ca_, *database_, key_, csr_, now_, now_ - seconds(1)).chain.front();
    EXPECT_EQ(known_key(again, "alice", "example.org", now_), known_key(old, "alice", "example.org", now_))
        << "another certificate of it is no fresh budget";
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
        const json record = parse_json(line);
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
    const auto list = list_with(credentials);
    EXPECT_TRUE(list.find(credentials.chain.front().serial()));
    EXPECT_TRUE(list.find(over.serial)) << "a gateway's grace may still carry its tunnel";
}

TEST_F(CaService, NeverPromisesMoreThanTheSession) {
    Config short_session = config();
    short_session.session_lifetime = seconds(40);
    start(short_session);
    const auto answer = login("alice", "correct horse");
    const json body = parse_json(answer.body);
    EXPECT_LE(credentials_of(answer).chain.front().not_after(),
              parse_time(body.at("session").at("expires").get<std::string>()).value());
}

}  // namespace
}  // namespace postern::ca

// The service, asked over real TLS: logins, enrolments, lists, floods, what it does from time to time.
#include <sys/resource.h>
#include <sys/socket.h>

#include <algorithm>
#include <csignal>
#include <thread>

#include <boost/asio/ip/tcp.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <soci/soci.h>

#include "base/connection_id.hpp"
#include "base/json.hpp"
#include "base/unique_fd.hpp"
#include "ca-service/api/refusal.hpp"
#include "ca-service/authority.hpp"
#include "ca-service/api/service.hpp"
#include "http/client.hpp"
#include "pki/crl.hpp"
#include "pki/identity.hpp"
#include "unit/ca_service_fixture.hpp"

namespace postern::ca {
namespace {

using nlohmann::json;
using std::chrono::hours;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::HasSubstr;

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
        EXPECT_EQ(code_of(client().post_json("/v1/enroll", json_text(enrolment)).value()), Code::unauthenticated);
        const json bad_request{{"username", "alice"}, {"password", "correct horse"}, {"csr", "none"}};
        EXPECT_NE(client().post_json("/v1/login", json_text(bad_request)).value().status, 200U);
    }
    service_->tick();
    EXPECT_EQ(login("bob", "guess").status, 401U);
    // Some of the budget has come back meanwhile.
    std::size_t by_themselves = 0;
    std::size_t together = 0;
    std::size_t judged = 0;
    std::istringstream log(test::read(ca_ / "audit.jsonl"));
    for (std::string line; std::getline(log, line);) {
        const json record = parse_json(line);
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
        api::refusal(api::RequestKind::login, busy, "id-" + std::to_string(i));
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
    const json body = parse_json(answer.body);
    EXPECT_EQ(body.at("session").at("id"), identity.session_id);
    EXPECT_EQ(parse_time(body.at("not_after").get<std::string>()).value(), leaf.not_after());
    EXPECT_LT(parse_time(body.at("renew_after").get<std::string>()).value(), leaf.not_after());
    EXPECT_THAT(records(), testing::IsSupersetOf({"login.succeeded", "certificate.issued"}));
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
    EXPECT_THAT(records(), testing::Not(testing::Contains("login.succeeded")));
}

TEST_F(CaService, GivesAWrongPasswordAndAnUnknownUserTheSameAnswer) {
    const auto wrong = login("alice", "wrong horse");
    const auto unknown = login("nobody", "correct horse");
    const auto no_name = login("no name' --", "correct horse");
    EXPECT_EQ(wrong.status, 401U);
    const auto without_id = [](const http::ClientAnswer& answer) {
        json body = parse_json(answer.body);
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
    const auto list = list_with(credentials);
    EXPECT_EQ(list.find(credentials.chain.front().serial()), pki::RevocationReason::privilege_withdrawn);
    ASSERT_EQ(run({"--dir", ca_, "user", "enable", "alice"}).exit_code, 0);
    EXPECT_EQ(login("alice", "correct horse").status, 200U);
    EXPECT_THAT(records(), testing::IsSupersetOf({"admin.user_disabled", "certificate.revoked:user_disabled",
                                                  "session.ended:user_disabled", "admin.user_enabled"}));
}

TEST_F(CaService, MakesGuessersWait) {
    guess_until_they_wait([&] { return login("alice", "wrong horse").status; });
    EXPECT_EQ(code_of(login("alice", "correct horse")), Code::limit_reached) << "also with the right one";
    EXPECT_THAT(records(), testing::Contains("login.failed:limit_reached"));
}

TEST_F(CaService, CountsAttemptsThatItCannotReadAsGuesses) {
    const json body{{"username", "alice"}, {"password", "wrong horse"}, {"csr", "no csr"}};
    bool is_made_to_wait = false;
    for (int i = 0; i < 12 && !is_made_to_wait; ++i) {
        is_made_to_wait = client().post_json("/v1/login", json_text(body)).value().status == 429;
    }
    EXPECT_TRUE(is_made_to_wait);
}

TEST_F(CaService, AnswersAKnownCrlWith304AndARevocationWithANewOne) {
    const auto credentials = credentials_of(login("alice", "correct horse"));
    const auto first = client().get("/v1/crl").value();
    EXPECT_EQ(first.status, 200U);
    EXPECT_EQ(client().get("/v1/crl", first.etag).value().status, 304U);
    ASSERT_EQ(run({"--dir", ca_, "cert", "revoke", "--user", "alice"}).exit_code, 0);
    ASSERT_TRUE(list_with(credentials).find(credentials.chain.front().serial()));
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
    const json body{{"token", parse_json(made.out).at("token")}, {"csr", csr_}};
    const auto first = client().post_json("/v1/enroll", json_text(body)).value();
    ASSERT_EQ(first.status, 200U) << first.body;
    const auto chain =
        pki::certificates_from_pem(parse_json(first.body).at("certificate").get<std::string>()).value();
    EXPECT_TRUE(
        pki::check_server_identity(chain.front(), "example.org", pki::ServerKind::service, "orders-db"));
    EXPECT_FALSE(pki::check_server_identity(chain.front(), "example.org", pki::ServerKind::gateway, ""));
    EXPECT_THAT(chain.front().dns_names(), ElementsAre("orders-db.service.example.org", "localhost"));
    const auto second = client().post_json("/v1/enroll", json_text(body)).value();
    EXPECT_EQ(second.status, 401U);
}

TEST_F(CaService, RefusesWhatItCannotRead) {
    EXPECT_EQ(client().post_json("/v1/login", "no json").value().status, 400U);
    EXPECT_EQ(client().post_json("/v1/login", "[]").value().status, 400U);
    EXPECT_EQ(client().post_json("/v1/login", R"({"username":"alice"})").value().status, 400U);
    const json no_csr{{"username", "alice"}, {"password", "correct horse"}, {"csr", "no csr"}};
    EXPECT_EQ(client().post_json("/v1/login", json_text(no_csr)).value().status, 400U);
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

TEST_F(CaService, ListsAServiceThatHoldsACertificateInForceByThatAlone) {
    const auto listed = [&] {
        const json catalogue = parse_json(login("alice", "correct horse").body).at("catalogue");
        EXPECT_EQ(catalogue.at("complete"), true);
        return catalogue.at("services");
    };
    EXPECT_TRUE(listed().empty());
    store::ServerCertificate certificate;
    certificate.serial = "01";
    certificate.kind = "service";
    certificate.name = "orders-db";
    certificate.not_after = now_ + hours(1);
    certificate.issued_at = now_;
    ASSERT_TRUE(store::add_server_certificate(*database_, certificate));
    // Renewed, of a gateway, and over.
    certificate.serial = "02";
    ASSERT_TRUE(store::add_server_certificate(*database_, certificate));
    certificate.serial = "03";
    certificate.kind = "gateway";
    certificate.name = "gw1";
    ASSERT_TRUE(store::add_server_certificate(*database_, certificate));
    certificate.serial = "04";
    certificate.kind = "service";
    certificate.name = "gone-db";
    certificate.not_after = now_ - std::chrono::seconds(1);
    ASSERT_TRUE(store::add_server_certificate(*database_, certificate));
    EXPECT_EQ(listed(), parse_json(R"([{"name":"orders-db","server_name":null,"user_map":false,)"
                                    R"("protocol":"postgres","mode":"end_to_end"}])"));
    // One certificate for several services.
    certificate.serial = "05";
    certificate.name = "orders-db";
    certificate.more_services = {"stock-db"};
    certificate.not_after = now_ + hours(2);
    ASSERT_TRUE(store::add_server_certificate(*database_, certificate));
    ASSERT_EQ(listed().size(), 2U);
    EXPECT_EQ(listed()[1].at("name"), "stock-db");
    // ca.toml has the last word on what it is.
    const std::string good = test::read(ca_ / "ca.toml");
    test::write(ca_ / "ca.toml", good + "\n[[service]]\nname = \"orders-db\"\nprotocol = \"tcp\"\n"
                                        "[[service]]\nname = \"another\"\n");
    ASSERT_TRUE(service_->reload());
    const json both = listed();
    ASSERT_EQ(both.size(), 3U);
    EXPECT_EQ(both[0].at("name"), "another");
    EXPECT_EQ(both[1].at("protocol"), "tcp");
    EXPECT_EQ(both[1].at("mode"), "passthrough");
    const auto renewed = renew(credentials_of(login("alice", "correct horse")));
    EXPECT_EQ(parse_json(renewed.body).at("catalogue").at("services"), both) << "a renewal says the same";
}

TEST_F(CaService, KeepsTheOldConfigurationWhenTheNewOneIsBad) {
    const std::string good = test::read(ca_ / "ca.toml");
    test::write(ca_ / "ca.toml", good + "\n[[service]]\nname = \"orders-db\"\nusermap = true\n");
    const auto refused = service_->reload();
    ASSERT_FALSE(refused);
    EXPECT_THAT(refused.error().detail, HasSubstr("user_map"));
    EXPECT_TRUE(parse_json(login("alice", "correct horse").body).at("catalogue").at("services").empty());
    test::write(ca_ / "ca.toml", good + "\n[[service]]\nname = \"orders-db\"\nuser_map = true\n");
    ASSERT_TRUE(service_->reload());
    const json services = parse_json(login("alice", "correct horse").body).at("catalogue").at("services");
    EXPECT_EQ(services, parse_json(R"([{"name":"orders-db","server_name":null,"user_map":true,)"
                                    R"("protocol":"postgres","mode":"end_to_end"}])"));
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

}  // namespace
}  // namespace postern::ca

// postern-ca's own command line.

#include <fcntl.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <map>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "audit/log_path.hpp"
#include "base/json.hpp"
#include "ca-service/authority.hpp"
#include "ca-service/api/service.hpp"
#include "ca-service/store/tokens.hpp"
#include "ca-service/store/users.hpp"
#include "http/client.hpp"
#include "pki/digest.hpp"
#include "pki/identity.hpp"
#include "support/middleman.hpp"
#include "support/notify_socket.hpp"
#include "unit/ca_service_fixture.hpp"

namespace postern::ca {
namespace {

using nlohmann::json;
using testing::ElementsAre;
using testing::HasSubstr;

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

TEST_F(CaService, EnrollsFromTheCommandLineOnlyWithTheRightPin) {
    const std::string url = "https://localhost:" + std::to_string(service_->port());
    const json made = parse_json(
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
    const json made = parse_json(
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
    const Ran empty = enroll({"--token", ""});
    EXPECT_EQ(empty.exit_code, 2);
    EXPECT_THAT(empty.err, HasSubstr("--token is empty"));
    ::setenv("POSTERN_TOKEN", "stale", 1);
    EXPECT_EQ(enroll({}).exit_code, 4) << "without an option it counts";
    const Ran right = enroll({"--token-file", file});
    ::unsetenv("POSTERN_TOKEN");
    EXPECT_EQ(right.exit_code, 0) << right.err;
}

TEST_F(CaService, EnrollsAtNoMiddleman) {
    const auto chain = Authority::load(ca_).value().servers().chain();
    for (postern::test::Disguise& disguise : postern::test::disguises(chain.back(), chain.front())) {
        const postern::test::Middleman middleman(chain.back(), disguise.own, disguise.shown);
        const Ran refused = run(
            {"enroll", "--ca", middleman.url(), "--fingerprint", server_root_pin(ca_).value(), "--token", "t",
             "--out-cert", directory_.path() / "server.pem", "--out-key", directory_.path() / "server.key"});
        EXPECT_EQ(refused.exit_code, 4) << disguise.name;
        EXPECT_THAT(refused.err, HasSubstr("somebody is in between")) << disguise.name;
        EXPECT_EQ(middleman.asked(), 1) << disguise.name;
        EXPECT_EQ(middleman.secrets(), 0) << disguise.name;
        EXPECT_FALSE(std::filesystem::exists(directory_.path() / "server.key")) << disguise.name;
    }
}

TEST_F(CaService, EnrollsWithAFingerprintInWhateverForm) {
    const std::string url = "https://localhost:" + std::to_string(service_->port());
    std::string pin = server_root_pin(ca_).value();
    const auto enroll = [&](const std::string& text) {
        const json made = parse_json(
            run({"--dir", ca_, "token", "create", "--service", "a", "--dns", "localhost", "--json"}).out);
        return run({"enroll", "--ca", url, "--fingerprint", text, "--token", made.at("token"), "--out-cert",
                    directory_.path() / "server.pem", "--out-key", directory_.path() / "server.key"});
    };
    for (char& c : pin) {
        c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    }
    EXPECT_EQ(enroll(pin).exit_code, 0);
    EXPECT_EQ(enroll(" " + pin.substr(7, 20) + " " + pin.substr(27)).exit_code, 0);
    const Ran wrong = enroll(pin.substr(8));
    EXPECT_EQ(wrong.exit_code, 2);
    EXPECT_THAT(wrong.err, HasSubstr("this has 63"));
}

/// The certificate that a token of these options is traded for, at the CA and for the test's own key.
class Enrolments : public CaService {
protected:
    Ran create(std::vector<std::string> options) const {
        std::vector<std::string> command{"--dir", ca_, "token", "create", "--json"};
        command.insert(command.end(), options.begin(), options.end());
        return run(command);
    }
    http::ClientAnswer redeem(const std::string& token) const {
        return client().post_json("/v1/enroll", json{{"token", token}, {"csr", csr_}}.dump()).value();
    }
    pki::Certificate enrolled(const std::vector<std::string>& options) const {
        const Ran made = create(options);
        EXPECT_EQ(made.exit_code, 0) << made.err;
        const auto answer = redeem(parse_json(made.out).at("token"));
        EXPECT_EQ(answer.status, 200U) << answer.body;
        const std::string pem = parse_json(answer.body).at("certificate");
        return pki::certificates_from_pem(pem).value().front();
    }
};

TEST_F(Enrolments, PutANameIntoAServicesCertificateThatNothingElseGets) {
    EXPECT_THAT(enrolled({"--service", "orders-db", "--dns", "db1.example.org"}).dns_names(),
                ElementsAre("orders-db.service.example.org", "db1.example.org"));
    EXPECT_THAT(enrolled({"--gateway", "gw1", "--dns", "gw1.example.org"}).dns_names(),
                ElementsAre("gw1.example.org"));
    const std::string host = "orders-db.service.example.org";
    for (const std::vector<std::string>& greedy :
         {std::vector<std::string>{"--gateway", "gw1", "--dns", host},
          {"--gateway", "gw1", "--dns", "Orders-DB.SERVICE.example.org"},
          {"--gateway", host, "--dns", "10.0.0.1"},
          {"--service", "billing-db", "--dns", "db1.example.org", "--dns", host},
          {"--service", host, "--dns", "db1.example.org"},
          {"--service", "billing-db", "--dns", "x.service-id.example.org"}}) {
        const Ran refused = create(greedy);
        EXPECT_EQ(refused.exit_code, 2) << refused.out;
        EXPECT_THAT(refused.err, HasSubstr("is for the certificate of a service alone"));
    }
    EXPECT_EQ(enrolled({"--service", "orders-db", "--dns", host}).dns_names().size(), 1U) << "its own";
}

TEST_F(Enrolments, DoNotRedeemATokenForTheNameOfAServiceThatSomebodyHasStored) {
    store::EnrolmentToken greedy;
    const Secret token = pki::random_token(32);
    greedy.hash = store::token_hash(token);
    greedy.name = "gw1";
    greedy.dns_names = {"orders-db.service.example.org"};
    greedy.created_at = now_;
    greedy.expires_at = now_ + std::chrono::hours(1);
    ASSERT_TRUE(store::add_token(*database_, greedy));
    const auto answer = redeem(std::string(token.reveal()));
    EXPECT_EQ(answer.status, 403U) << answer.body;
    EXPECT_EQ(code_of(answer), Code::policy_denied);
    EXPECT_THAT(answer.body, HasSubstr("belongs to a service alone"));
    EXPECT_THAT(records(), testing::Contains("certificate.refused:policy_denied"));
}

TEST_F(Enrolments, GiveOnePostgresServerACertificateForSeveralServices) {
    const auto is = [](const pki::Certificate& certificate, const char* service) {
        return pki::check_server_identity(certificate, "example.org", pki::ServerKind::service, service)
            .has_value();
    };
    const auto both =
        enrolled({"--service", "orders-db", "--service", "billing-db", "--dns", "db1.example.org"});
    EXPECT_EQ(both.common_name(), "orders-db");
    EXPECT_TRUE(is(both, "orders-db"));
    EXPECT_TRUE(is(both, "billing-db"));
    EXPECT_FALSE(is(both, "hr-db"));
    EXPECT_THAT(both.dns_names(), ElementsAre("orders-db.service.example.org",
                                              "billing-db.service.example.org", "db1.example.org"));
    const json listed = parse_json(run({"--dir", ca_, "cert", "list", "--servers", "--json"}).out);
    EXPECT_EQ(listed["server_certificates"][0]["names"], json({"orders-db", "billing-db"}));
    EXPECT_THAT(run({"--dir", ca_, "token", "list"}).out, HasSubstr("orders-db, billing-db"));
    std::vector<std::string> many{"--dns", "db1.example.org"};
    for (int i = 0; i < 17; ++i) {
        many.insert(many.end(), {"--service", "db" + std::to_string(i)});
    }
    EXPECT_EQ(create(many).exit_code, 2);
    EXPECT_EQ(create({"--service", "a", "--gateway", "b", "--dns", "x"}).exit_code, 2);
}

TEST_F(Enrolments, KeepWhatAServerIsWhenTheyRenew) {
    const Ran none = create({"--service", "orders-db", "--renew"});
    EXPECT_EQ(none.exit_code, 1);
    EXPECT_THAT(none.err, HasSubstr("no service orders-db has a certificate"));
    EXPECT_EQ(create({"--service", "orders-db"}).exit_code, 2) << "neither --dns nor --renew";
    enrolled({"--service", "orders-db", "--service", "billing-db", "--dns", "db1.example.org"});
    enrolled({"--gateway", "billing-db", "--dns", "gw1.example.org"});
    const auto renewed = enrolled({"--service", "billing-db", "--renew"});
    EXPECT_THAT(renewed.uris(), ElementsAre("spiffe://example.org/service/orders-db",
                                            "spiffe://example.org/service/billing-db"));
    EXPECT_THAT(renewed.dns_names(), testing::Contains("db1.example.org"));
    const auto more =
        enrolled({"--service", "orders-db", "--service", "hr-db", "--dns", "10.0.0.5", "--renew"});
    EXPECT_EQ(more.uris().size(), 3U);
    EXPECT_EQ(X509_check_ip_asc(more.get(), "10.0.0.5", 0), 1);
    EXPECT_THAT(more.dns_names(), testing::Contains("hr-db.service.example.org"));
    EXPECT_THAT(enrolled({"--gateway", "billing-db", "--renew"}).dns_names(), ElementsAre("gw1.example.org"));
}

TEST(CaConfig, RefusesTheNameOfAServiceForTheCaServiceItself) {
    const test::TemporaryDirectory directory;
    const auto read = [&](const std::string& name) {
        return Config::parse(initial_config("127.0.0.1:7444", {name}, "example.org"), "ca.toml",
                             directory.path());
    };
    EXPECT_TRUE(read("ca.example.org"));
    const auto refused = read("orders-db.service.example.org");
    ASSERT_FALSE(refused);
    EXPECT_THAT(refused.error().detail, HasSubstr("is the name of a service"));
}

/// A CA that is made with the name and the address, serves, and is asked at that name.
void serve_under(const std::filesystem::path& ca, const std::string& name, const std::string& listen,
                 const std::string& url_host) {
    const Ran made = run(
        {"--dir", ca, "init", "--name", name, "--trust-domain", "example.org", "--listen", listen, "--json"});
    ASSERT_EQ(made.exit_code, 0) << made.err;
    EXPECT_EQ(parse_json(made.out).at("url"), "https://" + url_host + ":27444");
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
        return parse_json(ran.out);
    };
    EXPECT_EQ(told({"group", "add", "alice", "dba"}),
              parse_json(R"({"user":"alice","group":"dba","member":true,"changed":true})"));
    EXPECT_EQ(told({"group", "add", "alice", "dba"}),
              parse_json(R"({"user":"alice","group":"dba","member":true,"changed":false})"));
    EXPECT_EQ(told({"group", "remove", "alice", "dba"}),
              parse_json(R"({"user":"alice","group":"dba","member":false,"changed":true})"));
    credentials_of(login("alice", "correct horse"));
    EXPECT_EQ(told({"user", "disable", "alice"}),
              parse_json(R"({"name":"alice","disabled":true,"sessions":1,"certificates":1})"));
    EXPECT_EQ(told({"user", "enable", "alice"}), parse_json(R"({"name":"alice","disabled":false})"));
    EXPECT_EQ(told({"check-config"}), (json{{"file", (ca_ / "ca.toml").string()}, {"good", true}, {"services", json::array()}}));
}

/// With `text` on standard input.
Ran run_with_input(const std::filesystem::path& file, const std::string& text,
                   const std::vector<std::string>& command) {
    test::write(file, text);
    const int before = ::dup(STDIN_FILENO);
    const int input = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
    ::dup2(input, STDIN_FILENO);
    const Ran ran = run(command);
    ::dup2(before, STDIN_FILENO);
    ::close(before);
    ::close(input);
    return ran;
}

constexpr const char* kComposed = "caf\xc3\xa9-secret";
constexpr const char* kDecomposed = "cafe\xcc\x81-secret";

TEST_F(CaService, APasswordOpensHoweverItsCharactersAreSpeltAndOneThatIsNoTextIsNotSet) {
    const auto add = [&](const std::string& user, const std::string& password) {
        return run_with_input(directory_.path() / "input", password + "\n",
                              {"--dir", ca_, "user", "add", user, "--password-stdin"});
    };
    ASSERT_EQ(add("composed", kComposed).exit_code, 0);
    ASSERT_EQ(add("decomposed", std::string("\xef\xbb\xbf") + kDecomposed + "\r").exit_code, 0);
    for (const char* user : {"composed", "decomposed"}) {
        EXPECT_EQ(login(user, kComposed).status, 200U) << user;
        EXPECT_EQ(login(user, kDecomposed).status, 200U) << user;
        EXPECT_EQ(login(user, "cafe-secret").status, 401U) << user;
    }
    const Ran latin = add("latin", "caf\xe9-secret");
    EXPECT_EQ(latin.exit_code, 1);
    EXPECT_THAT(latin.err, HasSubstr("not UTF-8"));
    EXPECT_EQ(run_with_input(directory_.path() / "input", "",
                             {"--dir", ca_, "user", "add", "x", "--password-stdin"})
                  .exit_code,
              1);
}

TEST_F(CaService, APasswordThatWasStoredAsItWasTypedStillOpensAndIsStoredPreparedThen) {
    store::User old;
    old.name = "old";
    old.password_hash = PasswordHasher().hash(Secret(std::string_view(kDecomposed)));
    ASSERT_TRUE(store::add_user(*database_, old));
    EXPECT_EQ(login("old", kComposed).status, 401U) << "nobody knows that it is the same";
    EXPECT_EQ(login("old", kDecomposed).status, 200U);
    EXPECT_EQ(login("old", kComposed).status, 200U);
    EXPECT_EQ(login("old", kDecomposed).status, 200U);
    EXPECT_EQ(login("old", "cafe-secret").status, 401U);
}

TEST_F(CaService, AWithdrawnTokenOpensNothingAndAUsedOneCannotBeWithdrawn) {
    const auto make = [&] {
        return parse_json(
            run({"--dir", ca_, "token", "create", "--service", "orders-db", "--dns", "localhost", "--json"})
                .out);
    };
    const auto redeem = [&](const json& token) {
        return client()
            .post_json("/v1/enroll", json{{"token", token.at("token")}, {"csr", csr_}}.dump())
            .value()
            .status;
    };
    const json withdrawn = make();
    const std::string id = withdrawn.at("id");
    const json told = parse_json(run({"--dir", ca_, "token", "withdraw", id, "--json"}).out);
    EXPECT_EQ(told, (json{{"id", id}, {"kind", "service"}, {"name", "orders-db"}, {"withdrawn", true}}));
    EXPECT_EQ(redeem(withdrawn), 401U);
    EXPECT_THAT(records(), testing::Contains("admin.token_withdrawn"));
    const Ran again = run({"--dir", ca_, "token", "withdraw", id});
    EXPECT_EQ(again.exit_code, 1);
    EXPECT_THAT(again.err, HasSubstr("token list"));
    const json used = make();
    EXPECT_EQ(redeem(used), 200U);
    const Ran too_late = run({"--dir", ca_, "token", "withdraw", used.at("id").get<std::string>()});
    EXPECT_EQ(too_late.exit_code, 1);
    EXPECT_THAT(too_late.err, HasSubstr("was used at"));
}

TEST_F(CaService, AServersCertificateThatANewerOneReplacesIsMarked) {
    const auto enroll = [&](const std::string& kind, const std::string& name, const std::string& dns) {
        const json made = parse_json(
            run({"--dir", ca_, "token", "create", "--" + kind, name, "--dns", dns, "--json"}).out);
        ASSERT_EQ(client()
                      .post_json("/v1/enroll", json{{"token", made.at("token")}, {"csr", csr_}}.dump())
                      .value()
                      .status,
                  200U);
    };
    enroll("gateway", "gw1", "one.example.org");
    enroll("gateway", "gw1", "two.example.org");
    enroll("service", "orders-db", "primary.example.org");
    enroll("service", "orders-db", "standby.example.org");
    std::map<std::string, std::string> states;
    const json told = parse_json(run({"--dir", ca_, "cert", "list", "--servers", "--json"}).out);
    for (const json& listed : told.at("server_certificates")) {
        if (!listed.at("dns").empty()) {
            states[listed.at("dns").at(0)] = listed.at("state");
        }
    }
    EXPECT_EQ(states.at("one.example.org"), "replaced");
    EXPECT_EQ(states.at("two.example.org"), "valid");
    EXPECT_EQ(states.at("primary.example.org"), "valid") << "two servers of one service";
    EXPECT_EQ(states.at("standby.example.org"), "valid");
    EXPECT_THAT(run({"--dir", ca_, "cert", "list", "--servers"}).out, HasSubstr("replaced"));
}

TEST_F(Enrolments, OfAServerOfSeveralServicesReplaceWhatItHadBefore) {
    const auto state_of = [&](const pki::Certificate& certificate) {
        const json told = parse_json(ca({"cert", "list", "--servers", "--json"}).out);
        for (const json& listed : told.at("server_certificates")) {
            if (listed.at("serial") == certificate.serial()) {
                return listed.at("state").get<std::string>();
            }
        }
        return std::string("not listed");
    };
    const auto one = enrolled({"--service", "orders-db", "--dns", "db1.example.org"});
    const auto standby = enrolled({"--service", "orders-db", "--dns", "db2.example.org"});
    const auto another = enrolled({"--service", "hr-db", "--dns", "db1.example.org"});
    EXPECT_EQ(state_of(one), "valid");
    const auto both = enrolled({"--service", "billing-db", "--service", "orders-db", "--dns", "db1.example.org"});
    EXPECT_EQ(state_of(one), "replaced") << "by one of more services, of which its own is not the first";
    const auto fewer = enrolled({"--service", "billing-db", "--dns", "db1.example.org"});
    EXPECT_EQ(state_of(both), "replaced") << "by one of fewer services";
    const auto longer = enrolled({"--service", "billing-db", "--dns", "db1.example.org", "--dns", "10.0.0.6"});
    EXPECT_EQ(state_of(fewer), "replaced") << "by one of more names";
    EXPECT_EQ(state_of(longer), "valid");
    EXPECT_EQ(state_of(another), "valid") << "of another service on the same machine";
    EXPECT_EQ(state_of(standby), "valid") << "another server of the service";
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
    ::pthread_kill(serving.native_handle(), SIGUSR1);
    for (int i = 0; i < 2000 && audit::rotated_files(ca + "/audit.jsonl").empty(); ++i) {
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    EXPECT_EQ(audit::rotated_files(ca + "/audit.jsonl").size(), 1U) << "a new audit file was asked for";
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

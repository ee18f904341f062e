#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "base/file.hpp"
#include "base/unique_fd.hpp"
#include "client-proxy/agent.hpp"
#include "client-proxy/ca_client.hpp"
#include "client-proxy/cancel_map.hpp"
#include "client-proxy/catalogue.hpp"
#include "client-proxy/dialer.hpp"
#include "client-proxy/gateway_choice.hpp"
#include "client-proxy/live_tunnels.hpp"
#include "client-proxy/local_peer.hpp"
#include "client-proxy/login_source.hpp"
#include "client-proxy/port_book.hpp"
#include "client-proxy/preferences.hpp"
#include "client-proxy/profile.hpp"
#include "client-proxy/refusal.hpp"
#include "client-proxy/service_list.hpp"
#include "postgres/error_response.hpp"
#include "postgres/wire.hpp"
#include "support/odd_certificates.hpp"

namespace postern::client {
namespace {

using namespace std::chrono_literals;
using namespace std::string_literals;
using testing::HasSubstr;

class Folder {
public:
    Folder() {
        std::string name = (std::filesystem::temp_directory_path() / "postern-client.XXXXXX").string();
        path_ = ::mkdtemp(name.data());
    }
    ~Folder() { std::filesystem::remove_all(path_); }
    const std::filesystem::path& path() const { return path_; }

private:
    std::filesystem::path path_;
};

// Catalogue ------------------------------------------------------------------------------------------

nlohmann::json catalogue_json() {
    return {{"gateways", {{{"name", "gw1"}, {"address", "gw1.example.org:7443"}}}},
            {"services",
             {{{"name", "orders-db"}, {"server_name", nullptr}, {"user_map", false}},
              {{"name", "old-db"}, {"server_name", "db.example.org"}, {"user_map", true}}}}};
}

TEST(Catalogue, ReadsWhatTheCaSays) {
    const auto catalogue = catalogue_from_json(catalogue_json());
    ASSERT_TRUE(catalogue.has_value());
    EXPECT_EQ(catalogue->gateways[0].address, "gw1.example.org:7443");
    EXPECT_EQ(catalogue->service("orders-db").server_name, "");
    EXPECT_FALSE(catalogue->service("orders-db").user_map);
    EXPECT_EQ(catalogue->service("old-db").server_name, "db.example.org");
    EXPECT_TRUE(catalogue->service("old-db").user_map);
    EXPECT_EQ(to_json(*catalogue), catalogue_json());
}

TEST(Catalogue, KnowsNothingSpecialOfAServiceThatIsNotListed) {
    const auto entry = catalogue_from_json(catalogue_json())->service("other-db");
    EXPECT_EQ(entry.name, "other-db");
    EXPECT_EQ(entry.server_name, "");
    EXPECT_FALSE(entry.user_map);
}

TEST(Catalogue, RefusesWhatIsNoCatalogue) {
    for (const char* text : {"[]", "{}", R"({"gateways":[]})", R"({"gateways":{},"services":[]})",
                             R"({"gateways":[{"name":"gw1","address":"nowhere"}],"services":[]})",
                             R"({"gateways":[{"name":"../gw","address":"h:1"}],"services":[]})",
                             R"({"gateways":[7],"services":[]})",
                             R"({"gateways":[],"services":[{"name":"a","user_map":"yes"}]})",
                             R"({"gateways":[],"services":[{"name":"a","server_name":1}]})"}) {
        EXPECT_FALSE(catalogue_from_json(nlohmann::json::parse(text)).has_value()) << text;
    }
}

// Profile --------------------------------------------------------------------------------------------

Profile profile() {
    Profile made;
    made.ca_url = "https://ca.example.org:7444";
    made.pin = "sha256:" + std::string(64, 'a');
    made.trust_domain = "example.org";
    made.user = "alice";
    made.groups = {"analysts"};
    made.session_id = "s-1";
    made.session_expires = SystemTime(2'000'000'000s);
    made.catalogue = *catalogue_from_json(catalogue_json());
    return made;
}

TEST(Profile, ReadsBackAsItWasWritten) {
    const auto read = profile_from_json(to_json_text(profile()));
    ASSERT_TRUE(read.has_value());
    EXPECT_EQ(to_json_text(*read), to_json_text(profile()));
    EXPECT_EQ(read->session_expires, profile().session_expires);
    EXPECT_EQ(read->renew_after, std::nullopt);
}

TEST(Profile, RefusesADamagedOne) {
    const std::string good = to_json_text(profile());
    for (const auto& text : {""s, "{}"s, good.substr(0, good.size() / 2), "[" + good + "]"}) {
        const auto read = profile_from_json(text);
        ASSERT_FALSE(read.has_value());
        EXPECT_EQ(read.error().code, Code::config_invalid);
    }
}

TEST(ProfileFolder, IsMadeForItsOwnerAlone) {
    const Folder folder;
    const auto opened = ProfileFolder::open(folder.path() / "state" / "postern");
    ASSERT_TRUE(opened.has_value());
    struct stat info {};
    ::stat(opened->path().c_str(), &info);
    EXPECT_EQ(info.st_mode & 0777U, 0700U);
    ASSERT_TRUE(opened->save(profile()).has_value());
    EXPECT_EQ(opened->load()->user, "alice");
}

TEST(ProfileFolder, IsRefusedWhenOthersMayLookIntoIt) {
    const Folder folder;
    ::chmod(folder.path().c_str(), 0750);
    const auto opened = ProfileFolder::open(folder.path());
    ASSERT_FALSE(opened.has_value());
    EXPECT_THAT(opened.error().detail, HasSubstr("chmod 700"));
}

TEST(ProfileFolder, HasNoProfileBeforeTheFirstLogin) {
    const Folder folder;
    EXPECT_EQ(ProfileFolder::open(folder.path())->load().error().code, Code::not_found);
    EXPECT_EQ(Login::load(*ProfileFolder::open(folder.path())).error().code, Code::unauthenticated);
}

TEST(Preferences, NameTheCaForEveryone) {
    const Folder folder;
    const auto file = folder.path() / "config.toml";
    ASSERT_TRUE(
        write_file(file, "[ca]\nurl = \"https://ca:7444\"\nfingerprint = \"sha256:aa\"\n", 0600).has_value());
    const auto read = Preferences::load(file);
    ASSERT_TRUE(read.has_value());
    EXPECT_EQ(read->ca_url, "https://ca:7444");
    EXPECT_EQ(read->user, "");
    EXPECT_EQ(Preferences::load(folder.path() / "none.toml")->ca_url, "");
}

TEST(Preferences, RefuseUnknownKeys) {
    const Folder folder;
    const auto file = folder.path() / "config.toml";
    ASSERT_TRUE(write_file(file, "[ca]\nurk = \"https://ca:7444\"\n", 0600).has_value());
    const auto read = Preferences::load(file);
    ASSERT_FALSE(read.has_value());
    EXPECT_THAT(read.error().detail, HasSubstr("urk"));
}

// Ports ----------------------------------------------------------------------------------------------

TEST(PortBook, RemembersPorts) {
    PortBook book;
    EXPECT_EQ(book.find("orders-db"), 0);
    book.remember("orders-db", 5432);
    const auto again = PortBook::from_json(book.to_json_text());
    EXPECT_EQ(again.find("orders-db"), 5432);
}

TEST(PortBook, GivesNoTwoNamesTheSamePort) {
    PortBook book;
    book.remember("a", 5432);
    book.remember("b", 5433);
    EXPECT_EQ(book.next_free("c", PortBook::kFirst - 1), 5434);
    EXPECT_EQ(book.next_free("a", PortBook::kFirst - 1), 5432);
    EXPECT_EQ(book.next_free("c", 65535), 0);
}

TEST(PortBook, TakesADamagedFileForAnEmptyOne) {
    for (const char* text : {"", "[]", R"({"a":0,"b":70000,"c":"5432","d":-1})"}) {
        const auto book = PortBook::from_json(text);
        for (const char* name : {"a", "b", "c", "d"}) {
            EXPECT_EQ(book.find(name), 0) << text;
        }
    }
}

// Cancel map -----------------------------------------------------------------------------------------

TEST(CancelMap, FindsTheSessionOfAKey) {
    CancelMap map;
    const auto entry = map.add("orders-db", "key1", {{"gw1", "h:1"}, "id-1"});
    const auto other = map.add("orders-db", "key2", {{"gw2", "h:2"}, "id-2"});
    ASSERT_TRUE(map.find("orders-db", "key1").has_value());
    EXPECT_EQ(map.find("orders-db", "key1")->connection_id, "id-1");
    EXPECT_EQ(map.find("orders-db", "key2")->gateway.name, "gw2");
}

TEST(CancelMap, KnowsNoKeyOfAnotherServiceOrOfAnEndedSession) {
    CancelMap map;
    {
        const auto entry = map.add("orders-db", "key", {{}, "id"});
        EXPECT_FALSE(map.find("other-db", "key").has_value());
        EXPECT_FALSE(map.find("orders-db", "kez").has_value());
    }
    EXPECT_FALSE(map.find("orders-db", "key").has_value());
    EXPECT_EQ(map.size(), 0U);
}

TEST(CancelMap, MeansTheNewerOfTwoSessionsWithOneKey) {
    CancelMap map;
    auto older = map.add("orders-db", "key", {{}, "older"});
    const auto newer = map.add("orders-db", "key", {{}, "newer"});
    older = CancelMap::Entry();
    ASSERT_TRUE(map.find("orders-db", "key").has_value());
    EXPECT_EQ(map.find("orders-db", "key")->connection_id, "newer");
}

// Gateways -------------------------------------------------------------------------------------------

TEST(GatewayChoice, TriesTheOneThatWorkedFirst) {
    Catalogue catalogue;
    catalogue.gateways = {{"gw1", "a:1"}, {"gw2", "b:1"}, {"gw3", "c:1"}};
    GatewayChoice choice;
    EXPECT_EQ(choice.order("orders-db", catalogue)[0].name, "gw1");
    choice.worked("orders-db", "gw2");
    EXPECT_EQ(choice.order("orders-db", catalogue)[0].name, "gw2");
    EXPECT_EQ(choice.order("orders-db", catalogue)[1].name, "gw1");
    EXPECT_EQ(choice.order("other-db", catalogue)[0].name, "gw1");
}

TEST(GatewayChoice, AsksNoOtherAfterAVerdict) {
    EXPECT_TRUE(GatewayChoice::may_try_another(Code::unreachable));
    EXPECT_TRUE(GatewayChoice::may_try_another(Code::unknown_service));
    for (const Code code : {Code::policy_denied, Code::revoked, Code::expired, Code::backend_unreachable,
                            Code::wrong_server_identity, Code::limit_reached}) {
        EXPECT_FALSE(GatewayChoice::may_try_another(code)) << name(code);
    }
}

TEST(OfferedServices, AreRead) {
    const auto services = offered_services_from_json(
        R"({"services":[{"name":"orders-db","protocol":"postgres","mode":"end_to_end"}],"identity":{}})",
        "gw1");
    ASSERT_TRUE(services.has_value());
    EXPECT_EQ((*services)[0].name, "orders-db");
    EXPECT_EQ((*services)[0].gateway, "gw1");
}

TEST(OfferedServices, RefuseWhatIsNoList) {
    for (const char* text : {"", "{}", R"({"services":{}})", R"({"services":[{"name":"a"}]})",
                             R"({"services":[{"name":"a b","protocol":"tcp","mode":"passthrough"}]})"}) {
        EXPECT_FALSE(offered_services_from_json(text, "gw1").has_value()) << text;
    }
}

// Trust ----------------------------------------------------------------------------------------------

SystemTime now() {
    return system_clock()();
}

TEST(Pin, IsReadInTheFormsThatPeoplePaste) {
    const std::string hex(64, 'a');
    EXPECT_EQ(parse_pin("sha256:" + hex).value(), "sha256:" + hex);
    EXPECT_EQ(parse_pin("SHA256:" + std::string(64, 'A')).value(), "sha256:" + hex);
    std::string colons = "sha256:aa";
    for (int i = 1; i < 32; ++i) {
        colons += ":aa";
    }
    EXPECT_EQ(parse_pin(colons).value(), "sha256:" + hex);
}

TEST(Pin, IsRefusedWhenItIsNone) {
    for (const auto& text :
         {""s, "sha256:"s, "sha256:" + std::string(63, 'a'), "sha256:" + std::string(65, 'a'),
          "sha256:" + std::string(64, 'g'), std::string(64, 'a'), "sha1:" + std::string(64, 'a')}) {
        EXPECT_FALSE(parse_pin(text).has_value()) << text;
    }
}

TEST(FirstContact, BelievesTheRootThatIsPinnedAndWhatIsBelowIt) {
    const auto ours = test::make_authority("Server CA", now());
    const auto bundle = vouched_for({ours.issuing.certificate, ours.root.certificate},
                                    "sha256:" + ours.root.certificate.fingerprint());
    ASSERT_TRUE(bundle.has_value());
    EXPECT_EQ(bundle->certificates().size(), 2U);
}

TEST(FirstContact, BelievesNothingElseOfWhatTheServerSays) {
    const auto ours = test::make_authority("Server CA", now());
    const auto theirs = test::make_authority("Server CA", now());
    const auto bundle =
        vouched_for({theirs.root.certificate, theirs.issuing.certificate, ours.root.certificate},
                    "sha256:" + ours.root.certificate.fingerprint());
    ASSERT_TRUE(bundle.has_value());
    ASSERT_EQ(bundle->certificates().size(), 1U);
    EXPECT_EQ(bundle->certificates()[0].fingerprint(), ours.root.certificate.fingerprint());
}

TEST(FirstContact, IsRefusedWhenNoRootHasTheFingerprint) {
    const auto theirs = test::make_authority("Server CA", now());
    const auto bundle = vouched_for({theirs.root.certificate}, "sha256:" + std::string(64, '0'));
    ASSERT_FALSE(bundle.has_value());
    EXPECT_EQ(bundle.error().code, Code::unknown_issuer);
    // An intermediate is no root, even when it is the one that is pinned.
    EXPECT_FALSE(
        vouched_for({theirs.issuing.certificate}, "sha256:" + theirs.issuing.certificate.fingerprint())
            .has_value());
}

test::OddProfile server(std::vector<std::string> uris, std::vector<std::string> names) {
    test::OddProfile made;
    made.common_name = "server";
    made.uris = std::move(uris);
    made.names = std::move(names);
    made.not_before = now() - 1min;
    made.not_after = now() + 1h;
    made.usage = test::Usage::server_auth;
    return made;
}

class DatabaseIdentity : public testing::Test {
protected:
    Result<void> check(const test::OddProfile& profile, const ServiceEntry& service) {
        const auto minted = test::mint(profile, authority_.issuing);
        EXPECT_TRUE(minted.has_value());
        return check_database_identity(minted->certificate, "example.org", service);
    }
    test::Authority authority_ = test::make_authority("Server CA", now());
};

TEST_F(DatabaseIdentity, IsThatOfTheService) {
    EXPECT_TRUE(
        check(server({"spiffe://example.org/service/orders-db"}, {}), {"orders-db", "", false}).has_value());
}

TEST_F(DatabaseIdentity, IsNotThatOfAnythingElse) {
    for (const char* uri : {"spiffe://example.org/service/other-db", "spiffe://example.org/gateway/orders-db",
                            "spiffe://example.org/ca/orders-db", "spiffe://example.com/service/orders-db"}) {
        EXPECT_FALSE(check(server({uri}, {"orders-db"}), {"orders-db", "", false}).has_value()) << uri;
    }
    EXPECT_FALSE(check(server({}, {"orders-db"}), {"orders-db", "", false}).has_value());
}

TEST_F(DatabaseIdentity, OfAForeignCertificateIsTheDnsNameOfTheCatalogue) {
    const ServiceEntry service{"old-db", "db.example.org", false};
    EXPECT_TRUE(check(server({}, {"db.example.org"}), service).has_value());
    EXPECT_FALSE(check(server({}, {"other.example.org"}), service).has_value());
    EXPECT_FALSE(check(server({}, {}), service).has_value());
}

TEST_F(DatabaseIdentity, IsNotThatOfAGatewayOnTheDatabasesHost) {
    const ServiceEntry service{"old-db", "db.example.org", false};
    EXPECT_FALSE(
        check(server({"spiffe://example.org/gateway/gw1"}, {"db.example.org"}), service).has_value());
    EXPECT_TRUE(
        check(server({"spiffe://example.org/service/old-db"}, {"db.example.org"}), service).has_value());
}

// What a person is told ------------------------------------------------------------------------------

TEST(Refusal, NamesCauseAndNextStepForEveryVerdictOnTheCertificate) {
    for (const Code code : {Code::no_certificate, Code::expired, Code::not_yet_valid, Code::unknown_issuer,
                            Code::self_signed, Code::wrong_purpose, Code::malformed_certificate,
                            Code::revoked, Code::user_disabled, Code::session_ended}) {
        const auto refusal = gateway_verdict(Failure{code, "secret detail"}, "gw1");
        EXPECT_THAT(refusal.message, HasSubstr("gw1"));
        EXPECT_NE(refusal.hint, "");
        EXPECT_EQ(refusal.message.find("secret"), std::string::npos);
        EXPECT_EQ(refusal.code, code);
    }
}

TEST(Refusal, BecomesAnErrorResponse) {
    const Refusal refusal{Code::policy_denied, "alice may not use orders-db", "Ask for it.", "0193"};
    const auto bytes = to_error_response(refusal);
    const auto fields = postgres::parse_error_response(postgres::as_bytes(bytes));
    ASSERT_TRUE(fields.has_value());
    EXPECT_EQ(fields->sqlstate, "42501");
    EXPECT_EQ(fields->message, refusal.message);
    EXPECT_THAT(fields->detail, HasSubstr("0193"));
}

TEST(Refusal, SpeaksAsPostgresDoes) {
    EXPECT_EQ(as_message("The gateway is full."), "the gateway is full");
    EXPECT_EQ(as_message("A limit was reached"), "a limit was reached");
    EXPECT_EQ(as_message("TLS failed"), "TLS failed");
    EXPECT_EQ(as_message(""), "");
}

TEST(Refusal, HasAnExitCodeThatMeansSomething) {
    EXPECT_EQ(exit_code_of(Code::unauthenticated), 4);
    EXPECT_EQ(exit_code_of(Code::unreachable), 5);
    EXPECT_EQ(exit_code_of(Code::config_invalid), 3);
    EXPECT_EQ(exit_code_of(Code::internal), 1);
}

// Logins ---------------------------------------------------------------------------------------------

struct People {
    test::Authority users = test::make_authority("User CA", now());
    test::Authority servers = test::make_authority("Server CA", now());

    LoginPtr login(SystemTime not_after, std::optional<SystemTime> renew_after = std::nullopt,
                   const std::string& gateway = "127.0.0.1:1") const {
        auto profile = test::login_profile("alice", now());
        profile.not_before = not_after - 1h;
        profile.not_after = not_after;
        auto minted = test::mint(profile, users.issuing);
        Catalogue catalogue;
        catalogue.gateways = {{"gw1", gateway}};
        catalogue.services = {{"mapped-db", "", true}};
        net::TlsCredentials credentials{minted->key, {minted->certificate, users.issuing.certificate}};
        return Login::make(credentials, servers.bundle, "example.org", catalogue, renew_after).value();
    }
};

TEST(Login, IsUsedUpBeforeItExpires) {
    const People people;
    const auto end = now() + 30min;
    const auto login = people.login(end);
    EXPECT_EQ(login->user(), "alice");
    EXPECT_FALSE(login->is_used_up(now()));
    EXPECT_TRUE(login->is_used_up(end - 1s));
    EXPECT_TRUE(login->is_used_up(end + 1h));
    EXPECT_LT(login->renew_after(), end);
}

TEST(Login, RefusesAKeyThatIsNotTheCertificates) {
    const People people;
    auto one = test::mint(test::login_profile("alice", now()), people.users.issuing);
    auto other = test::mint(test::login_profile("alice", now()), people.users.issuing);
    net::TlsCredentials credentials{other->key, {one->certificate}};
    EXPECT_FALSE(Login::make(credentials, people.servers.bundle, "example.org", {}).has_value());
}

// The agent's port, with nothing behind it -----------------------------------------------------------

class AgentPort : public testing::Test {
protected:
    AgentPort() : login_(people_.login(now() + 30min)), logins_(login_), agent_(notes_, options()) {
        agent_.set_logins(logins_);
        agent_.start();
        port_ = agent_.listen("orders-db", Mode::end_to_end, true, 0).value();
        mapped_port_ = agent_.listen("mapped-db", Mode::end_to_end, true, 0).value();
        passthrough_port_ = agent_.listen("orders-db", Mode::passthrough, true, 0).value();
    }
    ~AgentPort() override { agent_.stop(); }

    static AgentOptions options() {
        AgentOptions made;
        made.start_patience = 300ms;
        made.pending = 4;
        made.loops = 1;
        return made;
    }

    static UniqueFd connect_to(unsigned short port) {
        UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(port);
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        EXPECT_EQ(::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
        return fd;
    }
    static void say(const UniqueFd& fd, std::string_view text) {
        EXPECT_EQ(::send(fd.get(), text.data(), text.size(), MSG_NOSIGNAL),
                  static_cast<ssize_t>(text.size()));
    }
    /// Everything until the agent closes.
    static std::string hear(const UniqueFd& fd) {
        std::string heard;
        char block[1024];
        for (;;) {
            pollfd waiting{fd.get(), POLLIN, 0};
            if (::poll(&waiting, 1, 15'000) != 1) {
                ADD_FAILURE() << "the agent neither answered nor closed";
                return heard;
            }
            const ssize_t got = ::recv(fd.get(), block, sizeof block, 0);
            if (got <= 0) {
                return heard;
            }
            heard.append(block, static_cast<std::size_t>(got));
        }
    }
    static postgres::ErrorFields told(std::string_view heard) {
        const auto fields = postgres::parse_error_response(postgres::as_bytes(heard));
        EXPECT_TRUE(fields.has_value()) << testing::PrintToString(heard);
        return fields ? *fields : postgres::ErrorFields();
    }
    static std::string packet(std::string_view payload) {
        std::string out;
        postgres::append_u32(out, static_cast<std::uint32_t>(payload.size() + 4));
        return out.append(payload);
    }
    static std::string startup(std::string_view user) {
        return packet("\0\3\0\0"s + "user\0"s + std::string(user) + "\0\0"s);
    }

    People people_;
    LoginPtr login_;
    Notes notes_{Notes::Style::silent, false};
    FixedLogin logins_;
    Agent agent_;
    unsigned short port_ = 0;
    unsigned short mapped_port_ = 0;
    unsigned short passthrough_port_ = 0;
};

const std::string kSslRequest = "\0\0\0\x08\x04\xd2\x16\x2f"s;

TEST_F(AgentPort, TellsAnUnreachableGateway) {
    const auto client = connect_to(port_);
    say(client, startup("alice"));
    const auto fields = told(hear(client));
    EXPECT_EQ(fields.severity, "FATAL");
    EXPECT_EQ(fields.sqlstate, "08001");
    EXPECT_THAT(fields.message, HasSubstr("gw1"));
    EXPECT_NE(fields.hint, "");
}

TEST_F(AgentPort, TellsAnotherUserThanTheLoginsBeforeItDials) {
    const auto client = connect_to(port_);
    say(client, startup("bob"));
    const auto fields = told(hear(client));
    EXPECT_EQ(fields.sqlstate, "28000");
    EXPECT_THAT(fields.message, HasSubstr("alice"));
    EXPECT_THAT(fields.message, HasSubstr("bob"));
}

TEST_F(AgentPort, LetsPostgresMapNamesWhereTheCatalogueSaysSo) {
    const auto client = connect_to(mapped_port_);
    say(client, startup("bob"));
    EXPECT_EQ(told(hear(client)).sqlstate, "08001");
}

TEST_F(AgentPort, AnswersNoToRequestsForEncryption) {
    const auto client = connect_to(port_);
    say(client, kSslRequest);
    char answer = 0;
    ASSERT_EQ(::recv(client.get(), &answer, 1, 0), 1);
    EXPECT_EQ(answer, 'N');
    say(client, startup("bob"));
    EXPECT_EQ(told(hear(client)).sqlstate, "28000");
}

TEST_F(AgentPort, EndsAConnectionWithBytesStuffedBehindARequestForEncryption) {
    const auto client = connect_to(port_);
    say(client, kSslRequest + startup("alice"));
    EXPECT_EQ(told(hear(client)).sqlstate, "08P01");
}

TEST_F(AgentPort, CutsASilentClient) {
    const auto client = connect_to(port_);
    EXPECT_EQ(told(hear(client)).sqlstate, "08001");
    const auto passed = connect_to(passthrough_port_);
    say(passed, kSslRequest.substr(0, 5));
    EXPECT_EQ(hear(passed), "");
}

TEST_F(AgentPort, CutsTheOldestOfTooManySilentClientsAndServesTheNewest) {
    std::vector<UniqueFd> silent;
    for (int i = 0; i < 20; ++i) {
        silent.push_back(connect_to(port_));
    }
    const auto client = connect_to(port_);
    say(client, startup("bob"));
    EXPECT_EQ(told(hear(client)).sqlstate, "28000");
}

TEST_F(AgentPort, DropsACancelRequestThatItDoesNotKnow) {
    const auto client = connect_to(port_);
    say(client, packet("\x04\xd2\x16\x2e"s + "pid_secr"));
    EXPECT_EQ(hear(client), "");
}

TEST_F(AgentPort, TellsARefusalInAnswerToAnSslRequestThatWasToPassThrough) {
    const auto client = connect_to(passthrough_port_);
    say(client, kSslRequest);
    EXPECT_EQ(told(hear(client)).sqlstate, "08001");
}

TEST_F(AgentPort, TellsARefusalAsAnAlertToTlsThatWasToPassThrough) {
    const auto client = connect_to(passthrough_port_);
    say(client, "\x16\x03\x01");
    EXPECT_EQ(hear(client), "\x15\x03\x03\x00\x02\x02\x31"s);
}

TEST_F(AgentPort, DropsWhatIsNotPostgres) {
    const auto client = connect_to(passthrough_port_);
    say(client, "GET / HTTP/1.1\r\n\r\n");
    EXPECT_EQ(hear(client), "");
}

TEST_F(AgentPort, IsNotGivenTwice) {
    const auto taken = agent_.listen("other-db", Mode::end_to_end, true, port_);
    ASSERT_FALSE(taken.has_value());
    EXPECT_EQ(taken.error().code, Code::already_exists);
}

TEST_F(AgentPort, KnowsWhoseProcessConnects) {
    const auto client = connect_to(port_);
    const UniqueFd listening(::socket(AF_INET, SOCK_STREAM, 0));
    EXPECT_EQ(owner_of_peer(client.get()), ::geteuid());
    EXPECT_TRUE(is_peer_own_user(client.get()));
    EXPECT_FALSE(is_peer_own_user(listening.get()));
}

// Renewal --------------------------------------------------------------------------------------------

class Renewal : public testing::Test {
protected:
    /// A profile whose CA service is not there.
    ProfileFolder keep(const LoginPtr& login) {
        auto folder = ProfileFolder::open(folder_.path() / "postern").value();
        Profile made = profile();
        made.ca_url = "https://127.0.0.1:1";
        made.renew_after = login->renew_after();
        EXPECT_TRUE(folder.save(made).has_value());
        EXPECT_TRUE(write_file(folder.server_ca(), people_.servers.bundle.pem(), 0600).has_value());
        EXPECT_TRUE(login->credentials().key.save(folder.login_key()).has_value());
        EXPECT_TRUE(write_file(folder.login_certificate(), pki::to_pem(login->credentials().chain), 0600)
                        .has_value());
        return folder;
    }
    static Outcome<LoginPtr> current(LoginSource& source) { return wait_for_login(source, 10s); }

    Folder folder_;
    People people_;
};

TEST_F(Renewal, IsNotWaitedForWhileTheCertificateIsGood) {
    const auto login = people_.login(now() + 20min, now() - 1min);
    RenewedLogin source(keep(login), login, system_clock(), {});
    const auto outcome = current(source);
    ASSERT_TRUE(outcome.has_value());
    EXPECT_EQ((*outcome)->certificate().fingerprint(), login->certificate().fingerprint());
}

TEST_F(Renewal, ThatFailsIsToldOnceTheCertificateHasExpired) {
    const auto login = people_.login(now() - 1s);
    RenewedLogin source(keep(login), login, system_clock(), {});
    const auto outcome = current(source);
    ASSERT_FALSE(outcome.has_value());
    EXPECT_THAT(outcome.error().message, HasSubstr("expired"));
    EXPECT_THAT(outcome.error().message, HasSubstr("CA service"));
    EXPECT_NE(outcome.error().hint, "");
}

TEST_F(Renewal, TakesUpWhatAnotherProcessHasRenewed) {
    const auto old = people_.login(now() - 1s);
    const auto fresh = people_.login(now() + 50min);
    RenewedLogin source(keep(fresh), old, system_clock(), {});
    const auto outcome = current(source);
    ASSERT_TRUE(outcome.has_value());
    EXPECT_EQ((*outcome)->certificate().fingerprint(), fresh->certificate().fingerprint());
}

TEST_F(Renewal, RefusesAfterALogout) {
    const auto login = people_.login(now() - 1s);
    const auto folder = keep(login);
    std::filesystem::remove(folder.login_certificate());
    RenewedLogin source(folder, login, system_clock(), {});
    const auto outcome = current(source);
    ASSERT_FALSE(outcome.has_value());
    EXPECT_EQ(outcome.error().code, Code::unauthenticated);
    EXPECT_THAT(outcome.error().hint, HasSubstr("postern login"));
}

}  // namespace
}  // namespace postern::client

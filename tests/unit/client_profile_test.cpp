#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/file.hpp"
#include "base/json.hpp"
#include "client-proxy/agent/port_assignments.hpp"
#include "client-proxy/config/catalogue.hpp"
#include "client-proxy/config/preferences.hpp"
#include "client-proxy/config/profile.hpp"
#include "client-proxy/login/login_session.hpp"
#include "unit/client_support.hpp"
#include "unit/in_child.hpp"
#include "unit/setting_rubbish.hpp"

namespace postern::client {
namespace {

using namespace std::chrono_literals;
using namespace std::string_literals;
using testing::HasSubstr;

TEST(Catalogue, ReadsWhatTheCaSays) {
    const auto catalogue = catalogue_from_json(catalogue_json());
    ASSERT_TRUE(catalogue.has_value());
    EXPECT_EQ(catalogue->gateways[0].address, "gw1.example.org:7443");
    EXPECT_EQ(catalogue->service("orders-db").server_name, "");
    EXPECT_FALSE(catalogue->service("orders-db").user_map);
    EXPECT_EQ(catalogue->service("old-db").server_name, "db.example.org");
    EXPECT_TRUE(catalogue->service("old-db").user_map);
    EXPECT_TRUE(catalogue->service("orders-db").is_postgres);
    EXPECT_EQ(catalogue->service("orders-db").mode, Mode::end_to_end);
    EXPECT_EQ(catalogue->service("old-db").mode, Mode::passthrough);
    EXPECT_FALSE(catalogue->service("cache").is_postgres);
    EXPECT_EQ(catalogue->service("cache").mode, Mode::passthrough);
    EXPECT_TRUE(catalogue->is_complete);
    EXPECT_EQ(to_json(*catalogue), catalogue_json());
}

TEST(Catalogue, OfAnOlderCaIsNotAllThereIsAndSpeaksOfPostgres) {
    const auto catalogue = catalogue_from_json(parse_json(
        R"({"gateways":[],"services":[{"name":"orders-db","server_name":null,"user_map":false}]})"));
    ASSERT_TRUE(catalogue.has_value());
    EXPECT_FALSE(catalogue->is_complete);
    EXPECT_TRUE(catalogue->service("orders-db").is_postgres);
    EXPECT_EQ(catalogue->service("orders-db").mode, Mode::end_to_end);
}

TEST(Catalogue, HasNothingEndToEndThatIsNotPostgres) {
    const auto catalogue = catalogue_from_json(parse_json(
        R"({"gateways":[],"services":[{"name":"a","protocol":"tcp","mode":"end_to_end"},
            {"name":"b","protocol":"mysql"}]})"));
    ASSERT_TRUE(catalogue.has_value());
    for (const char* name : {"a", "b"}) {
        EXPECT_FALSE(catalogue->service(name).is_postgres) << name;
        EXPECT_EQ(catalogue->service(name).mode, Mode::passthrough) << name;
    }
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
                             R"({"gateways":[],"services":[{"name":"a","server_name":1}]})",
                             R"({"gateways":[],"services":[{"name":"a","protocol":1}]})",
                             R"({"gateways":[],"services":[{"name":"a","mode":false}]})",
                             R"({"gateways":[],"services":[],"complete":"yes"})"}) {
        EXPECT_FALSE(catalogue_from_json(parse_json(text)).has_value()) << text;
    }
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

TEST(ProfileFolder, OnADiskThatCanOnlyBeReadSaysSo) {
    if (::geteuid() != 0) {
        GTEST_SKIP() << "only root may mount";
    }
    const Folder folder;
    const int code = test::in_child([&] {
        const bool is_mounted = ::unshare(CLONE_NEWNS) == 0 &&
                                ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
                                ::mount("none", folder.path().c_str(), "tmpfs", MS_RDONLY, "mode=700") == 0;
        const auto opened = ProfileFolder::open(folder.path());
        if (!is_mounted || !opened) {
            return 2;
        }
        const auto locked = opened->lock("ports.lock");
        return !locked && locked.error().detail.find("Read-only file system") != std::string::npos ? 0 : 1;
    });
    EXPECT_EQ(code, 0);
}

TEST(ProfileFolder, HasNoProfileBeforeTheFirstLogin) {
    const Folder folder;
    EXPECT_EQ(ProfileFolder::open(folder.path())->load().error().code, Code::not_found);
    EXPECT_EQ(Login::load(*ProfileFolder::open(folder.path())).error().code, Code::unauthenticated);
}

TEST(Preferences, NameTheCaForEveryone) {
    const Folder folder;
    const auto file = folder.path() / "config.toml";
    const std::string pin = "sha256:" + std::string(64, 'a');
    ASSERT_TRUE(write_file(file, "[ca]\nurl = \"https://ca:7444\"\nfingerprint = \"" + pin + "\"\n", 0600).has_value());
    const auto read = Preferences::load(file);
    ASSERT_TRUE(read) << read.error().detail;
    EXPECT_EQ(read->ca_url, "https://ca:7444");
    EXPECT_EQ(read->fingerprint, pin);
    EXPECT_EQ(read->user, "");
    EXPECT_EQ(Preferences::load(folder.path() / "none.toml")->ca_url, "");
}

TEST(Preferences, SayWhereTheKeyIs) {
    const Folder folder;
    const auto file = folder.path() / "config.toml";
    const auto read = [&](const char* text) {
        EXPECT_TRUE(write_file(file, text, 0600).has_value());
        return Preferences::load(file);
    };
    EXPECT_EQ(read("")->key.store, "file");
    EXPECT_EQ(read("[key]\nstore = \"tpm2\"\n")->key.store, "tpm2");
    const auto token = read("[key]\nstore = \"pkcs11\"\nuri = \"pkcs11:token=a\"\npin_file = \"pin\"\n");
    EXPECT_EQ(token->key.uri, "pkcs11:token=a");
    EXPECT_EQ(token->key.pin_file, folder.path() / "pin");
    EXPECT_FALSE(read("[key]\nstore = \"pkcs11\"\n").has_value());
    EXPECT_FALSE(read("[key]\nstore = \"usb\"\n").has_value());
}

TEST(Preferences, SayHowManyConnectionsToKeepWarm) {
    const Folder folder;
    const auto file = folder.path() / "config.toml";
    const auto read = [&](const char* text) {
        EXPECT_TRUE(write_file(file, text, 0600).has_value());
        return Preferences::load(file);
    };
    const auto warm = read("[agent]\nwarm = 3\nwarm_most = 9\nwarm_rest = \"1m\"\nwarm_lifetime = \"30s\"\n");
    ASSERT_TRUE(warm) << warm.error().detail;
    EXPECT_EQ(warm->warm.few, 3U);
    EXPECT_EQ(warm->warm.most, 9U);
    EXPECT_EQ(warm->warm.rest, 1min);
    EXPECT_EQ(warm->warm.lifetime, 30s);
    EXPECT_EQ(read("[agent]\nwarm = 0\n")->warm.few, 0U);
    EXPECT_EQ(read("")->warm.few, 2U);
    EXPECT_FALSE(read("[agent]\nwarm = 257\n"));
    EXPECT_FALSE(read("[agent]\nwarm_rest = \"0s\"\n"));
}

TEST(Preferences, EachKeyRefusesRubbishWithFileAndLine) {
    using test::Takes;
    const std::vector<test::Setting> settings{
        {"[ca]", "url", Takes::ca_url, "\"https://ca.example.org:7444\""},
        {"[ca]", "fingerprint", Takes::fingerprint, "\"sha256:" + std::string(64, 'a') + "\""},
        {"[login]", "user", Takes::name, "\"alice\""},
        {"[key]", "store", Takes::word, "\"file\""},
        {"[key]", "uri", Takes::key_uri, "\"pkcs11:token=x;object=y\""},
        {"[key]", "module", Takes::optional_path, "\"/usr/lib/softhsm/libsofthsm2.so\""},
        {"[key]", "pin_file", Takes::optional_path, "\"/run/pin\""},
        {"[network]", "proxy", Takes::proxy, "\"http://proxy.example.org:3128\""},
        {"[network]", "no_proxy", Takes::no_proxy, "\".example.org,10.0.0.0/8\""},
        {"[agent]", "unsafe_listen", Takes::hosts, "[\"192.0.2.7\", \"*\"]"},
        {"[agent]", "allow_programs", Takes::programs, "[\"psql\"]"},
        {"[agent]", "warm", Takes::count, "2"},
        {"[agent]", "warm_most", Takes::count, "8"},
        {"[agent]", "warm_rest", Takes::duration, "\"10m\""},
        {"[agent]", "warm_lifetime", Takes::duration, "\"1h\""},
    };
    const Folder folder;
    const auto file = folder.path() / "config.toml";
    const test::SettingRubbish rubbish(file.string(), settings, [&](const std::string& text) {
        EXPECT_TRUE(write_file(file, text, 0600));
        const auto read = Preferences::load(file);
        return read ? std::string() : read.error().detail;
    });
    rubbish.feed();
    rubbish.know_every_key();
}

TEST(Profile, HasTheCasAddressInNormalForm) {
    Profile written = profile();
    written.ca_url = "HTTPS://CA.Example.org:7444/";
    EXPECT_EQ(profile_from_json(to_json_text(written))->ca_url, "https://ca.example.org:7444");
    written.ca_url = "https://ca.example.org:7444/v1";
    EXPECT_FALSE(profile_from_json(to_json_text(written)).has_value());
}

TEST(AcceptCa, KnowsTheSameCaInAnotherSpellingAndAsksNobody) {
    const Folder folder;
    const auto state = folder.path() / "state";
    const auto opened = ProfileFolder::open(state);
    ASSERT_TRUE(opened.has_value());
    Profile known = profile();
    // Nobody is there: asking would fail.
    known.ca_url = "https://localhost:1";
    ASSERT_TRUE(opened->save(known).has_value());
    const auto pin = ca_api::Fingerprint::parse(known.pin).value();
    for (const char* spelling :
         {"https://localhost:1", "https://localhost:1/", "HTTPS://LOCALHOST:1", "https://localhost:01"}) {
        const auto accepted = accept_ca(*opened, spelling, pin);
        EXPECT_TRUE(accepted.has_value()) << spelling;
    }
    for (const char* other : {"https://localhost:2", "https://127.0.0.1:1"}) {
        EXPECT_FALSE(accept_ca(*opened, other, pin).has_value()) << other;
    }
    EXPECT_EQ(accept_ca(*opened, "https://localhost:1/v1 ", pin).error().code, Code::config_invalid);
}

TEST(LogIn, SaysWhatALoginNameMayHold) {
    const Folder folder;
    const auto opened = ProfileFolder::open(folder.path() / "state");
    ASSERT_TRUE(opened.has_value());
    Profile known = profile();
    known.ca_url = "https://localhost:1";
    ASSERT_TRUE(opened->save(known).has_value());
    const auto refusal = [&](const char* user) {
        return log_in(*opened, "password",
                      {{"username", Secret(std::string_view(user))},
                       {"password", Secret(std::string_view("secret"))}})
            .error();
    };
    EXPECT_EQ(refusal("anna dba").message, "'anna dba' is no login name");
    EXPECT_THAT(refusal("anna dba").hint, HasSubstr(". _ - @ +"));
    EXPECT_EQ(refusal("anna+dba").code, Code::unreachable) << "it is one, and nobody is there";
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

TEST(PortAssignments, RemembersPorts) {
    PortAssignments book;
    EXPECT_EQ(book.find("orders-db"), 0);
    book.remember("orders-db", 5432);
    const auto again = PortAssignments::from_json(book.to_json_text());
    EXPECT_EQ(again.find("orders-db"), 5432);
}

TEST(PortAssignments, GivesNoTwoNamesTheSamePort) {
    PortAssignments book;
    book.remember("a", 5432);
    book.remember("b", 5433);
    EXPECT_EQ(book.next_free("c", PortAssignments::kFirst - 1), 5434);
    EXPECT_EQ(book.next_free("a", PortAssignments::kFirst - 1), 5432);
    EXPECT_EQ(book.next_free("c", 65535), 0);
}

TEST(PortAssignments, TakesADamagedFileForAnEmptyOne) {
    for (const char* text : {"", "[]", R"({"a":0,"b":70000,"c":"5432","d":-1})"}) {
        const auto book = PortAssignments::from_json(text);
        for (const char* name : {"a", "b", "c", "d"}) {
            EXPECT_EQ(book.find(name), 0) << text;
        }
    }
}

}  // namespace
}  // namespace postern::client

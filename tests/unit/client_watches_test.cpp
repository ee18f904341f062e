// What the agent keeps an eye on: its settings' file, its events' file, ports that others take, the last
// logout.
#include <sys/resource.h>

#include <filesystem>
#include <fstream>
#include <string>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/file.hpp"
#include "client-proxy/agent/event_file.hpp"
#include "client-proxy/agent/settings_watch.hpp"
#include "client-proxy/agent/squatter.hpp"
#include "client-proxy/platform/lingering.hpp"
#include "unit/client_support.hpp"
#include "unit/file_size_limit.hpp"

namespace postern::client {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using testing::HasSubstr;

TEST(SettingsWatch, SeesAFileThatComesChangesAndGoes) {
    const Folder folder;
    const fs::path file = folder.path() / "config.toml";
    SettingsWatch watch(file, Preferences());
    EXPECT_FALSE(watch.look());
    ASSERT_TRUE(write_file(file, "[network]\nproxy = \"http://127.0.0.1:9\"\n", 0600));
    auto changed = watch.look();
    ASSERT_TRUE(changed && *changed) << "it has come";
    EXPECT_EQ((*changed)->proxy.reveal(), "http://127.0.0.1:9");
    EXPECT_FALSE(watch.look()) << "each change once";
    ASSERT_TRUE(write_file(file, "[network]\nproxy = \"http://127.0.0.1:8\"\n", 0600));
    changed = watch.look();
    ASSERT_TRUE(changed && *changed) << "of the same size";
    EXPECT_EQ((*changed)->proxy.reveal(), "http://127.0.0.1:8");
    fs::remove(file);
    changed = watch.look();
    ASSERT_TRUE(changed && *changed);
    EXPECT_EQ((*changed)->proxy.reveal(), "");
}

TEST(SettingsWatch, KeepsWhatIsInForceWhereTheFileCannotBeRead) {
    const Folder folder;
    const fs::path file = folder.path() / "config.toml";
    Preferences before;
    before.no_proxy = "example.org";
    SettingsWatch watch(file, before);
    ASSERT_TRUE(write_file(file, "[network\n", 0600));
    const auto changed = watch.look();
    ASSERT_TRUE(changed.has_value());
    ASSERT_FALSE(changed->has_value());
    watch.refuse(changed->error());
    EXPECT_EQ(watch.in_force().no_proxy, "example.org");
    ASSERT_TRUE(watch.problem());
    watch.take(Preferences());
    EXPECT_FALSE(watch.problem());
    EXPECT_FALSE(SettingsWatch({}, before).look()) << "nowhere";
}

class EventFileTest : public testing::Test {
protected:
    static json event(int number, const std::string& service = "orders-db") {
        return {{"kind", "accepted"}, {"service", service}, {"connection_id", fmt::format("c{}", number)}};
    }
    Folder place_;
    ProfileFolder folder_ = ProfileFolder::open(place_.path() / "postern").value();
};

TEST_F(EventFileTest, IsReadAsItWasWrittenAlsoByTheNextAgent) {
    EXPECT_FALSE(read_events(folder_).has_value());
    ASSERT_TRUE(EventFile(folder_).add(event(1)));
    ASSERT_TRUE(EventFile(folder_).add(event(2)));
    std::ofstream(EventFile::file_in(folder_), std::ios::app) << R"({"kind":"cut off by a pow)";
    const auto read = read_events(folder_);
    ASSERT_TRUE(read.has_value());
    ASSERT_EQ(read->size(), 2U) << "half a line is none";
    EXPECT_EQ((*read)[1]["connection_id"], "c2");
    EXPECT_EQ(fs::status(EventFile::file_in(folder_)).permissions(), fs::perms(0600));
}

TEST_F(EventFileTest, IsBoundedAndKeepsTheNewest) {
    EventFile file(folder_, 4096);
    for (int i = 0; i < 1000; ++i) {
        ASSERT_TRUE(file.add(event(i)));
    }
    std::uintmax_t sum = 0;
    for (const auto& entry : fs::directory_iterator(folder_.path())) {
        sum += entry.file_size();
    }
    EXPECT_LE(sum, 2 * 4096U);
    const auto read = read_events(folder_);
    ASSERT_TRUE(read.has_value());
    EXPECT_EQ(read->back()["connection_id"], "c999");
    EXPECT_GT(read->size(), 40U);
    for (std::size_t i = 1; i < read->size(); ++i) {
        const auto number = [&](std::size_t at) {
            return std::stoi((*read)[at]["connection_id"].get<std::string>().substr(1));
        };
        EXPECT_EQ(number(i), number(i - 1) + 1) << "in their order";
    }
}

TEST_F(EventFileTest, ThatTheDiskDoesNotTakeStopsNobodyAndIsToldOnceInAPause) {
    EventFile file(folder_);
    const test::FileSizeLimit full(0);
    EXPECT_FALSE(file.add(event(1)));
    EXPECT_TRUE(file.add(event(2))) << "within the pause";
}

TEST(Events, AreChosenByServiceAndConnectionTheNewestOfThem) {
    std::vector<json> events;
    for (int i = 0; i < 10; ++i) {
        events.push_back({{"service", i % 2 == 0 ? "a" : "b"}, {"connection_id", fmt::format("c{}", i / 2)}});
    }
    EXPECT_EQ(chosen(events, {"", "", 100}).size(), 10U);
    EXPECT_EQ(chosen(events, {"a", "", 100}).size(), 5U);
    EXPECT_EQ(chosen(events, {"a", "c3", 100}).size(), 1U);
    EXPECT_TRUE(chosen(events, {"c", "", 100}).empty());
    const auto two = chosen(events, {"b", "", 2});
    ASSERT_EQ(two.size(), 2U);
    EXPECT_EQ(two.back()["connection_id"], "c4");
}

TEST(Squatter, IsAnotherUsersProcessAndNobodyElse) {
    LocalProgram own;
    own.uid = ::geteuid();
    LocalProgram other = own;
    other.uid = own.uid + 1;
    EXPECT_FALSE(squatting("orders-db", 5432, std::nullopt));
    EXPECT_FALSE(squatting("orders-db", 5432, own));
    const auto told = squatting("orders-db", 5432, other);
    ASSERT_TRUE(told);
    EXPECT_EQ(told->code, Code::already_exists);
    EXPECT_THAT(told->message, HasSubstr("WARNING: another user"));
    EXPECT_THAT(told->message, HasSubstr("localhost:5432"));
    EXPECT_THAT(told->hint, HasSubstr("postern psql"));
}

TEST(Lingering, IsSpokenOfWhereTheRuntimeFolderGoesWithTheLastLogout) {
    const Folder folder;
    const fs::path usual = folder.path() / "1000";
    const fs::path lingering = folder.path() / "linger";
    const fs::path logins = folder.path() / "users";
    fs::create_directories(logins);
    fs::create_directories(lingering);
    EXPECT_THAT(lingering_note({usual / "postern", usual, lingering, logins}, "bob"),
                HasSubstr("loginctl enable-linger"));
    EXPECT_EQ(lingering_note({folder.path() / "run", usual, lingering, logins}, "bob"), "")
        << "not logind's folder";
    EXPECT_EQ(lingering_note({usual / "postern", usual, lingering, folder.path() / "none"}, "bob"), "")
        << "nobody manages logins";
    std::ofstream(lingering / "bob").flush();
    EXPECT_EQ(lingering_note({usual / "postern", usual, lingering, logins}, "bob"), "");
    EXPECT_NE(lingering_note({usual / "postern", usual, lingering, logins}, "carol"), "");
}

}  // namespace
}  // namespace postern::client

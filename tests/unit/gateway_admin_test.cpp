// `postern-gateway sessions` and `kill`: who is in, who may ask, and that nobody is cut off without a record.
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <vector>

#include <gmock/gmock.h>

#include "base/json.hpp"
#include "gateway/commands/admin_commands.hpp"
#include "gateway/admin/admin_socket.hpp"
#include "support/process.hpp"
#include "unit/file_size_limit.hpp"
#include "unit/gateway_fixture.hpp"

namespace postern::gateway {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

/// What a command printed, and its exit code.
struct Said {
    int code = 0;
    std::string out;
    std::string err;
};

class GatewayAdmin : public GatewayFixture {
protected:
    void SetUp() override {
        GatewayFixture::SetUp();
        more_gateway_ = "admin_socket = \"admin.sock\"\n";
    }
    template <class Command>
    static Said listen(Command command) {
        testing::internal::CaptureStdout();
        testing::internal::CaptureStderr();
        Said said;
        said.code = command();
        std::fflush(stdout);
        said.out = testing::internal::GetCapturedStdout();
        said.err = testing::internal::GetCapturedStderr();
        return said;
    }
    Said sessions(SessionsQuery query = {}) const {
        return listen([&] { return sessions_command(folder_ / "gateway.toml", query); });
    }
    nlohmann::json session_list(SessionsQuery query = {}) const {
        query.is_json = true;
        const Said said = sessions(std::move(query));
        EXPECT_EQ(said.code, 0) << said.err;
        return parse_json(said.out);
    }
    Said kill_all(SessionsQuery query) const {
        return listen([&] { return kill_all_command(folder_ / "gateway.toml", query); });
    }
    Said kill(const std::string& id, bool is_json = false) const {
        return listen([&] { return kill_command(folder_ / "gateway.toml", id, is_json); });
    }
};

TEST_F(GatewayAdmin, ListsWhoIsInAndNoLongerWhoHasLeft) {
    start(service("echo", echo_port()) + rule("echo"));
    EXPECT_THAT(sessions().out, HasSubstr("Nobody is connected."));
    Visitor alice(port(), client("alice"));
    const std::string id = alice.ask("CONNECT echo:7", {}, "early ").field("Postern-Connection");
    alice.send("hello");
    ASSERT_EQ(alice.read(11), "early hello");
    {
        Visitor bob(port(), client("bob"));
        ASSERT_EQ(bob.ask("CONNECT echo:7").status, 200U);
        EXPECT_EQ(session_list().size(), 2U);
        const auto alices = session_list(SessionsQuery{"alice", "", false});
        ASSERT_EQ(alices.size(), 1U);
        EXPECT_EQ(alices[0]["id"], id);
        EXPECT_EQ(alices[0]["user"], "alice");
        EXPECT_EQ(alices[0]["service"], "echo");
        EXPECT_EQ(alices[0]["groups"][0], "analysts");
        EXPECT_THAT(alices[0]["source"].get<std::string>(), HasSubstr("127.0.0.1:"));
        EXPECT_EQ(alices[0]["bytes_from_client"], 11);
        EXPECT_EQ(alices[0]["bytes_from_backend"], 11);
        EXPECT_TRUE(session_list(SessionsQuery{"", "other", false}).empty());
        const Said said = sessions();
        EXPECT_THAT(said.out, HasSubstr(id));
        EXPECT_THAT(said.out, HasSubstr("bob"));
    }
    EXPECT_TRUE(eventually([&] { return session_list().size() == 1; }));
}

TEST_F(GatewayAdmin, AKillEndsThatConnectionAloneAndTheRecordSaysWhoAsked) {
    start(service("echo", echo_port()) + rule("echo"));
    Visitor alice(port(), client("alice"));
    const std::string id = alice.ask("CONNECT echo:7").field("Postern-Connection");
    Visitor other(port(), client("alice"));
    ASSERT_EQ(other.ask("CONNECT echo:7").status, 200U);
    ::setenv("SUDO_USER", "olga", 1);
    const Said said = kill(id);
    ::unsetenv("SUDO_USER");
    EXPECT_EQ(said.code, 0) << said.err;
    EXPECT_THAT(said.out, HasSubstr("alice"));
    EXPECT_TRUE(alice.is_closed());
    const auto closed = wait_for("connection.closed", "killed", id);
    EXPECT_EQ(closed["postern"]["closed_by"], "gateway");
    EXPECT_EQ(closed["event"]["outcome"], "failure");
    const auto asked = wait_for("admin.connection_killed", {}, id);
    EXPECT_EQ(asked["user"]["name"], "alice");
    EXPECT_EQ(asked["service"]["name"], "echo");
    EXPECT_EQ(asked["postern"]["claimed"]["uid"], ::geteuid());
    EXPECT_EQ(asked["postern"]["claimed"]["pid"], ::getpid());
    EXPECT_EQ(asked["postern"]["claimed"]["sudo_user"], "olga");
    EXPECT_LT(asked["event"]["sequence"], closed["event"]["sequence"]);
    // Its owner reads why.
    const auto why = Visitor(port(), client("alice")).ask("GET /v1/connections/" + id).json();
    EXPECT_EQ(why["reason"], "killed");
    EXPECT_THAT(why["message"].get<std::string>(), HasSubstr("administrator"));
    other.send("still here");
    EXPECT_EQ(other.read(10), "still here");
}

TEST_F(GatewayAdmin, AKillOfNobodyIsAnErrorAndCutsNobody) {
    start(service("echo", echo_port()) + rule("echo"));
    Visitor alice(port(), client("alice"));
    ASSERT_EQ(alice.ask("CONNECT echo:7").status, 200U);
    for (const char* id : {"019a0000-0000-7000-8000-000000000000", "../etc", ""}) {
        const Said said = kill(id);
        EXPECT_EQ(said.code, 1) << id;
        EXPECT_THAT(said.err, HasSubstr("postern-gateway sessions")) << id;
    }
    EXPECT_EQ(count("admin.connection_killed"), 0U);
    alice.send("still here");
    EXPECT_EQ(alice.read(10), "still here");
}

TEST_F(GatewayAdmin, AKillOfAUserOrAServiceEndsThoseAndNoOthers) {
    start(service("echo", echo_port()) + rule("echo") + service("other", echo_port()) + rule("other"));
    Visitor alice(port(), client("alice"));
    Visitor again(port(), client("alice"));
    Visitor elsewhere(port(), client("alice"));
    Visitor bob(port(), client("bob"));
    const std::string id = alice.ask("CONNECT echo:7").field("Postern-Connection");
    const std::string second = again.ask("CONNECT echo:7").field("Postern-Connection");
    ASSERT_EQ(elsewhere.ask("CONNECT other:7").status, 200U);
    ASSERT_EQ(bob.ask("CONNECT echo:7").status, 200U);
    const auto stays = [](Visitor& visitor) {
        visitor.send("still here");
        return visitor.read(10) == "still here";
    };
    const Said of_both = kill_all({"alice", "echo", true});
    EXPECT_EQ(of_both.code, 0) << of_both.err;
    EXPECT_EQ(parse_json(of_both.out).size(), 2U) << of_both.out;
    EXPECT_TRUE(alice.is_closed());
    EXPECT_TRUE(again.is_closed());
    EXPECT_TRUE(stays(elsewhere) && stays(bob));
    for (const std::string& one : {id, second}) {
        wait_for("connection.closed", "killed", one);
        EXPECT_EQ(count("admin.connection_killed", {}, one), 1U);
    }
    const Said of_service = kill_all({"", "echo", false});
    EXPECT_EQ(of_service.code, 0) << of_service.err;
    EXPECT_THAT(of_service.out, HasSubstr("Ended 1 connection."));
    EXPECT_TRUE(bob.is_closed());
    EXPECT_TRUE(stays(elsewhere));
    const Said of_user = kill_all({"alice", "", false});
    EXPECT_EQ(of_user.code, 0) << of_user.err;
    EXPECT_TRUE(elsewhere.is_closed());
    EXPECT_EQ(count("admin.connection_killed"), 4U);
    EXPECT_THAT(kill_all({"alice", "", false}).out, HasSubstr("Nobody was connected"));
}

TEST_F(GatewayAdmin, AKillOfWhatIsNobodysNameEndsNobody) {
    start(service("echo", echo_port()) + rule("echo"));
    Visitor alice(port(), client("alice"));
    ASSERT_EQ(alice.ask("CONNECT echo:7").status, 200U);
    for (const auto& [user, service] : {std::pair("", ""), std::pair("a&service=echo", ""), std::pair("", "../x")}) {
        const Said said = kill_all({user, service, false});
        EXPECT_EQ(said.code, 2) << user << service;
        EXPECT_THAT(said.err, HasSubstr("hint:"));
    }
    for (const char* query : {"user=", "users=alice", "user=alice&user=bob", "user=%61lice"}) {
        const auto outcome = test::run({"curl", "-s", "-X", "DELETE", "--unix-socket", folder_ / "admin.sock",
                                        std::string("http://gateway/v1/sessions?") + query});
        EXPECT_THAT(outcome.out, HasSubstr("\"status\":400")) << query;
    }
    EXPECT_EQ(count("admin.connection_killed"), 0U);
    alice.send("still here");
    EXPECT_EQ(alice.read(10), "still here");
}

TEST_F(GatewayAdmin, NobodyIsCutOffWithoutARecord) {
    start(service("echo", echo_port()) + rule("echo"));
    Visitor alice(port(), client("alice"));
    const std::string id = alice.ask("CONNECT echo:7").field("Postern-Connection");
    {
        const test::FileSizeLimit full(fs::file_size(folder_ / "audit.jsonl"));
        testing::internal::CaptureStdout();
        testing::internal::CaptureStderr();
        const int code = kill_command(folder_ / "gateway.toml", id, false);
        EXPECT_EQ(code, 1);
    }
    testing::internal::GetCapturedStdout();
    testing::internal::GetCapturedStderr();
    alice.send("still here");
    EXPECT_EQ(alice.read(10), "still here");
    EXPECT_EQ(kill(id).code, 0);
    EXPECT_TRUE(alice.is_closed());
}

TEST_F(GatewayAdmin, OtherUsersOfTheMachineAreTurnedAway) {
    if (::geteuid() != 0) {
        GTEST_SKIP() << "only root can become somebody else";
    }
    start(service("echo", echo_port()) + rule("echo"));
    const fs::path socket = folder_ / "admin.sock";
    struct stat info {};
    ASSERT_EQ(::stat(socket.c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777, 0600U);
    const auto ask_as = [&](const std::string& user) {
        test::ProcessOptions options;
        options.user = user;
        return test::run({"curl", "-s", "--unix-socket", socket, "http://gateway/v1/sessions"}, options);
    };
    EXPECT_THAT(ask_as("root").out, HasSubstr("\"sessions\":[]"));
    ::chmod(folder_.c_str(), 0755);
    EXPECT_NE(ask_as("nobody").exit_code, 0);
    // Even if somebody opens the file to all.
    ::chmod(socket.c_str(), 0666);
    const auto refused = ask_as("nobody").out;
    EXPECT_THAT(refused, HasSubstr("policy_denied"));
    EXPECT_THAT(refused, testing::Not(HasSubstr("\"sessions\"")));
}

TEST_F(GatewayAdmin, RootFollowsNoLinkOfTheGatewaysToAnothersSocket) {
    if (::geteuid() != 0) {
        GTEST_SKIP() << "root alone is more than the gateway";
    }
    start(service("echo", echo_port()) + rule("echo"));
    const fs::path socket = folder_ / "admin.sock";
    EXPECT_EQ(sessions().code, 0);
    fs::rename(socket, folder_ / "other.sock");
    fs::create_symlink("other.sock", socket);
    const Said led = sessions();
    EXPECT_EQ(led.code, 4);
    EXPECT_THAT(led.err, HasSubstr("is no socket"));
    fs::remove(socket);
    fs::rename(folder_ / "other.sock", socket);
    EXPECT_EQ(sessions().code, 0);
    // A gateway that root runs answers there.
    EXPECT_EQ(::chown(socket.c_str(), 54321, 54321), 0);
    EXPECT_EQ(sessions().code, 0);
}

TEST_F(GatewayAdmin, SaysWhatIsMissing) {
    write_config("");
    const Said nobody = sessions();
    EXPECT_EQ(nobody.code, 5);
    EXPECT_THAT(nobody.err, HasSubstr("hint:"));
    more_gateway_.clear();
    write_config("");
    const Said nowhere = sessions();
    EXPECT_EQ(nowhere.code, 3);
    EXPECT_THAT(nowhere.err, HasSubstr("admin_socket"));
}

TEST_F(GatewayAdmin, TakesThePlaceOfASocketThatNobodyListensOnAndOfNothingElse) {
    const fs::path path = folder_ / "admin.sock";
    {
        auto first = AdminSocket::bind(path);
        ASSERT_TRUE(first) << first.error().detail;
        EXPECT_EQ(AdminSocket::bind(path).error().code, Code::already_exists);
        // As kill -9 leaves it.
        fs::rename(path, folder_ / "kept.sock");
    }
    fs::rename(folder_ / "kept.sock", path);
    { EXPECT_TRUE(AdminSocket::bind(path)); }
    std::FILE* const file = std::fopen(path.c_str(), "w");
    ASSERT_NE(file, nullptr);
    std::fclose(file);
    EXPECT_FALSE(AdminSocket::bind(path));
    EXPECT_TRUE(fs::exists(path));
}

}  // namespace
}  // namespace postern::gateway

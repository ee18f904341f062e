// Each line that a person is given to paste reaches the database that it names, whatever that is called: the lines are really run.
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/json.hpp"
#include "support/shared_stack.hpp"

namespace postern::test {
namespace {

using nlohmann::json;
using testing::HasSubstr;

const std::vector<std::string> kNames{
    "or ders",
    " lead",
    "trail ",
    "it's",
    "quo\"te",
    "back\\slash",
    "end\\",
    "a=b",
    "host=evil.example",
    "postgres://evil.example/x",
    "postgresql://evil.example/x",
    "service=other",
    "per%41cent",
    "am&p?que#hash",
    "user=bob&x",
    "$HOME `id` $(id)",
    "semi;colon|pipe>file",
    "{a,b}*~!x",
    "-X",
    "--help",
    "umlaut-\u00e4\u2603",
    "\\dt",
};

class PastedLines : public SharedStack {
protected:
    static void SetUpTestSuite() {
        SharedStack::SetUpTestSuite();
        for (const auto& name : kNames) {
            std::string quoted;
            for (const char character : name) {
                quoted += character == '"' ? std::string("\"\"") : std::string(1, character);
            }
            stack_->postgres().sql(fmt::format("create database \"{}\" owner alice", quoted));
        }
    }

    // What `connect --json` tells of the service.
    static json lines_of(const Laptop& laptop, const std::string& database, const char* mode, int port) {
        const std::string place = fmt::format("orders-db:{}", port);
        std::vector<std::string> words{"connect", "--background", "--json", "--database=" + database};
        words.push_back(mode == std::string("passthrough") ? "--passthrough=" + place : place);
        const ProcessResult outcome = laptop.postern(words);
        EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
        const auto told = parse_json(outcome.out.substr(0, outcome.out.find('\n')));
        return told.is_object() ? told["commands"] : json::object();
    }

    // In a shell, with what a person has: the database password, and no ~/.psqlrc.
    static std::string answer_to(const Laptop& laptop, const std::string& script,
                                 const std::map<std::string, std::string>& more = {}) {
        ProcessOptions options = laptop.options();
        options.environment["PGPASSWORD"] = "alice-password";
        options.environment.insert(more.begin(), more.end());
        const ProcessResult outcome = run({"bash", "-c", script}, options);
        return outcome.out + outcome.err;
    }
};

constexpr const char* kAsk = " -X -At -c 'select current_database()'";

TEST_F(PastedLines, ReachTheDatabaseThatTheyName) {
    const Laptop alice = logged_in();
    const int port = free_port();
    std::vector<std::string> urls;
    for (const auto& name : kNames) {
        const json lines = lines_of(alice, name, "", port);
        for (const char* const kind : {"psql", "socket"}) {
            EXPECT_EQ(answer_to(alice, lines[kind].get<std::string>() + kAsk), name + "\n") << lines[kind];
        }
        EXPECT_EQ(answer_to(alice, lines["env"].get<std::string>() + " psql" + kAsk), name + "\n") << lines["env"];
        EXPECT_EQ(answer_to(alice, std::string("psql \"$DSN\"") + kAsk, {{"DSN", lines["dsn"].get<std::string>()}}),
                  name + "\n")
            << lines["dsn"];
        urls.push_back(lines["jdbc"].get<std::string>());
    }

    const TemporaryFolder folder;
    std::ofstream(folder.path() / "Ask.java") << R"java(
        public class Ask {
            public static void main(String[] urls) throws Exception {
                for (String url : urls) {
                    try (var connection = java.sql.DriverManager.getConnection(url, "alice", "alice-password")) {
                        var rows = connection.createStatement().executeQuery("select current_database()");
                        rows.next();
                        System.out.println(rows.getString(1));
                    } catch (java.sql.SQLException error) {
                        System.out.println(url + ": " + error.getMessage());
                    }
                }
            }
        })java";
    ProcessOptions options = alice.options();
    options.folder = folder.path();
    const ProcessResult compiled = run({"ecj", "-proc:none", "-11", "Ask.java"}, options);
    ASSERT_EQ(compiled.exit_code, 0) << compiled.out << compiled.err;
    std::vector<std::string> java{"java", "-Dfile.encoding=UTF-8", "-Dstdout.encoding=UTF-8", "-cp",
                                  ".:/usr/share/java/postgresql.jar", "Ask"};
    java.insert(java.end(), urls.begin(), urls.end());
    options.environment["LC_ALL"] = "C.UTF-8";
    std::string wanted;
    for (const auto& name : kNames) {
        wanted += name + "\n";
    }
    const ProcessResult asked = run(java, options);
    EXPECT_EQ(asked.out, wanted) << asked.err;
}

TEST_F(PastedLines, ReachItPassedThrough) {
    const Laptop alice = logged_in();
    const int port = free_port();
    for (const auto& name : kNames) {
        const json lines = lines_of(alice, name, "passthrough", port);
        EXPECT_EQ(answer_to(alice, lines["psql"].get<std::string>() + kAsk), name + "\n") << lines["psql"];
        EXPECT_EQ(answer_to(alice, lines["env"].get<std::string>() + " psql" + kAsk), name + "\n") << lines["env"];
        EXPECT_EQ(answer_to(alice, std::string("psql \"$DSN\"") + kAsk, {{"DSN", lines["dsn"].get<std::string>()}}),
                  name + "\n")
            << lines["dsn"];
    }
}

TEST_F(PastedLines, TheServiceFileNamesItOrSaysThatItCannot) {
    const Laptop alice = logged_in();
    const int port = free_port();
    const TemporaryFolder folder;
    const std::map<std::string, std::string> file{{"PGSERVICEFILE", (folder.path() / "services").string()}};
    for (const auto& name : kNames) {
        ProcessOptions options;
        options.environment.insert(file.begin(), file.end());
        const ProcessResult outcome = alice.postern({"connect", "--background", "--service-file",
                                                     "--database=" + name, fmt::format("orders-db:{}", port)},
                                                    options);
        if (name.ends_with(' ')) {
            EXPECT_EQ(outcome.exit_code, 3) << outcome.err;
            // The way out that it names.
            const std::string before = "name the database beside the service: ";
            ASSERT_THAT(outcome.err, HasSubstr(before));
            const auto at = outcome.err.find(before) + before.size();
            const std::string line = outcome.err.substr(at, outcome.err.find('\n', at) - at);
            EXPECT_EQ(answer_to(alice, line + kAsk, file), name + "\n") << line;
            continue;
        }
        EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
        EXPECT_EQ(answer_to(alice, std::string("psql service=orders-db") + kAsk, file), name + "\n");
    }
}

// A line break, a turn of the direction, and Latin-1, of which JSON would make another name.
TEST_F(PastedLines, ADatabaseThatNoLineCanShowIsRefusedWithItsCause) {
    const Laptop alice = logged_in();
    for (const auto& [name, shown] : {std::pair("two\nlines", "two\\nlines"),
                                      std::pair("sredro\u202e", "sredro\\u202e"), std::pair("caf\xe9", "caf\\xe9")}) {
        const ProcessResult outcome =
            alice.postern({"connect", "--background", std::string("--database=") + name,
                           fmt::format("orders-db:{}", free_port())});
        EXPECT_EQ(outcome.exit_code, 3) << shown << outcome.err;
        EXPECT_THAT(outcome.err, HasSubstr(fmt::format("'{}' is no database's name here", shown)));
        EXPECT_THAT(outcome.err, HasSubstr("control characters"));
        EXPECT_THAT(outcome.err, HasSubstr("hint: "));
    }
}

TEST_F(PastedLines, PsqlOfPosternReachesItToo) {
    const Laptop alice = logged_in();
    for (const auto& name : kNames) {
        ASSERT_FALSE(lines_of(alice, name, "", free_port()).empty());
        EXPECT_EQ(answer_to(alice, fmt::format("{} psql orders-db --{}", program("postern").string(), kAsk)),
                  name + "\n");
    }
}

}  // namespace
}  // namespace postern::test

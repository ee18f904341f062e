// Every line of docs/clients, run as it stands there, with the real clients.
#include <sys/stat.h>

#include <fstream>
#include <memory>
#include <string>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/client_page.hpp"
#include "support/stack.hpp"

namespace postern::test {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

const fs::path kPages = POSTERN_SOURCE "/docs/clients";

class ClientPages : public testing::TestWithParam<std::string> {
protected:
    static void SetUpTestSuite() {
        stack_ = std::make_unique<Stack>();
        stack_->postgres().sql(
            "alter role alice replication; create table clients (name text); grant all on clients to alice");
        alice_ = std::make_unique<Laptop>(*stack_, "alice");
        const ProcessResult login = alice_->login();
        ASSERT_EQ(login.exit_code, 0) << login.err;
        agent_ = std::make_unique<Agent>(*alice_);
    }
    static void TearDownTestSuite() {
        agent_.reset();
        alice_.reset();
        stack_.reset();
    }

    // What a page stands in: a home with a ~/.pgpass, and the programs that the page takes for granted.
    static PageRun page_run(const std::string& name) {
        const fs::path home = stack_->folder() / ("home-" + name);
        fs::create_directories(home / "programs");
        write_program(home / "programs" / "javac", "exec ecj -11 \"$@\"");
        // Where npm is not installed, Debian's node-pg is.
        write_program(home / "programs" / "npm", "test -d /usr/share/nodejs/pg");
        write_program(
            home / ".pgpass",
            fmt::format("localhost:{0}:*:alice:alice-password\nlocalhost:{1}:*:alice:alice-password\n"
                        "{2}:{0}:*:alice:alice-password",
                        agent_->port(), agent_->passthrough_port(),
                        alice_->agent_socket().parent_path().string()));
        fs::permissions(home / ".pgpass", fs::perms(0600));

        const char* const own_home = std::getenv("HOME");
        const fs::path caches = POSTERN_CLIENT_CACHES;
        ProcessOptions options = alice_->options();
        options.environment["PATH"] =
            "/usr/lib/postgresql/15/bin:/usr/local/bin:/usr/bin:/bin:" + (home / "programs").string();
        options.environment["PGPASSFILE"] = home / ".pgpass";
        options.environment["npm_config_userconfig"] =
            fs::path(own_home == nullptr ? "/" : own_home) / ".npmrc";
        options.environment["npm_config_cache"] = caches / "npm";
        // What npm fetches it may fetch through the proxy; the pages themselves are of this machine alone.
        for (const char* variable : {"HTTPS_PROXY", "https_proxy"}) {
            if (const char* const proxy = std::getenv(variable)) {
                options.environment["npm_config_https_proxy"] = proxy;
            }
        }
        options.environment["GOPATH"] = "/usr/share/gocode";
        options.environment["GO111MODULE"] = "off";
        options.environment["GOCACHE"] = caches / "go";
        PageRun run(home, options);
        run.map_port(5432, agent_->port());
        run.map_port(5433, agent_->passthrough_port());
        return run;
    }

    static std::unique_ptr<Stack> stack_;
    static std::unique_ptr<Laptop> alice_;
    static std::unique_ptr<Agent> agent_;

private:
    static void write_program(const fs::path& path, const std::string& body) {
        std::ofstream(path) << (path.filename() == ".pgpass" ? "" : "#!/bin/sh\n") << body << "\n";
        fs::permissions(path, fs::perms(0755));
    }
};

std::unique_ptr<Stack> ClientPages::stack_;
std::unique_ptr<Laptop> ClientPages::alice_;
std::unique_ptr<Agent> ClientPages::agent_;

TEST_P(ClientPages, EachLineWorks) {
    PageRun run = page_run(GetParam());
    run.run(read_page(kPages / (GetParam() + ".md")));
}

INSTANTIATE_TEST_SUITE_P(Pages, ClientPages,
                         testing::Values("psql", "psycopg", "jdbc", "node-postgres", "pgx", "rails"),
                         [](const auto& page) {
                             std::string name = page.param;
                             std::erase(name, '-');
                             return name;
                         });

// The programs with windows are not in Debian. What their pages say to enter goes to the libraries that they
// use.
using ClientForms = ClientPages;

TEST_F(ClientForms, PgAdminsServerIsOneThatLibpqReaches) {
    PageRun run = page_run("pgadmin");
    auto blocks = read_page(kPages / "pgadmin.md");
    ASSERT_EQ(blocks.size(), 1U);
    blocks.push_back(
        {"sh", "",
         R"sh(psql "$(jq -r '.Servers[] | "host=\(.Host) port=\(.Port) dbname=\(.MaintenanceDB) user=\(.Username) " +
                          (.ConnectionParameters | to_entries | map("\(.key)=\(.value)") | join(" "))' servers.json)" \
                          -c 'select current_user')sh",
         0});
    blocks.push_back({"text", "", "alice\n", 0});
    run.run(blocks);
}

TEST_F(ClientForms, DBeaversUrlIsOneThatJdbcReaches) {
    PageRun run = page_run("dbeaver");
    auto blocks = read_page(kPages / "dbeaver.md");
    ASSERT_EQ(blocks.size(), 1U);
    blocks.front().argument = "url";
    blocks.push_back({"java", "Dial.java",
                      R"(import java.nio.file.*;
                      public class Dial {
                          public static void main(String[] arguments) throws Exception {
                              String url = Files.readString(Path.of("url")).trim();
                              var rows = java.sql.DriverManager.getConnection(url).createStatement()
                                  .executeQuery("select current_user");
                              rows.next();
                              System.out.println(rows.getString(1));
                          }
                      })",
                      0});
    blocks.push_back({"sh", "", "javac Dial.java\njava -cp .:/usr/share/java/postgresql.jar Dial\n", 0});
    blocks.push_back({"text", "", "alice\n", 0});
    run.run(blocks);
}

TEST(ClientPageRun, FailsWhereAPageIsWrong) {
    const TemporaryFolder folder;
    const auto fails = [&](std::vector<PageBlock> blocks) {
        PageRun run(folder.path(), {});
        EXPECT_THROW(run.run(blocks), std::runtime_error);
    };
    fails({{"sh", "", "false", 1}});
    fails({{"sh", "fails", "true", 1}});
    fails({{"sh", "", "echo one", 1}, {"text", "", "two\n", 2}});
    fails({{"ruby", "", "puts 1", 1}});
}

// Redis and HTTPS ------------------------------------------------------------------------------------

TEST(OtherProtocols, PassThroughAsThePageSays) {
    const auto blocks = read_page(kPages / "other-protocols.md");
    const int redis_port = free_port();
    const int https_port = free_port();
    const TemporaryFolder home;
    const auto in_home = [&](const char* name) { return (home.path() / name).string(); };

    PageRun gateway_lines(home.path(), {});
    gateway_lines.map_port(6379, redis_port);
    gateway_lines.map_port(8443, https_port);
    StackOptions options;
    options.with_postgres = false;
    ASSERT_EQ(blocks.front().argument, "gateway.toml");
    options.gateway_tables = gateway_lines.mapped(blocks.front().text);
    ASSERT_EQ(blocks.at(1).argument, "ca.toml");
    options.lists_services = false;
    options.ca_tables = blocks.at(1).text;
    Stack stack(options);

    // Debian's package of the server starts one; the tools' package holds the same program under another
    // name.
    fs::create_symlink("/usr/bin/redis-check-rdb", home.path() / "redis-server");
    Process redis(
        {in_home("redis-server"), "--port", std::to_string(redis_port), "--save", "", "--bind", "127.0.0.1"});
    const ProcessResult made =
        run({"openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
             "-days", "2", "-subj", "/CN=wiki", "-addext", "subjectAltName=DNS:wiki.example.org", "-keyout",
             in_home("wiki.key"), "-out", in_home("wiki.pem")});
    ASSERT_EQ(made.exit_code, 0) << made.err;
    Process https({"openssl", "s_server", "-accept", fmt::format("127.0.0.1:{}", https_port), "-cert",
                   in_home("wiki.pem"), "-key", in_home("wiki.key"), "-www"});
    redis.wait_for_out("Ready to accept connections");
    https.wait_for_out("ACCEPT");

    const Laptop alice(stack, "alice");
    ASSERT_EQ(alice.login().exit_code, 0);
    const int cache_port = free_port();
    const int wiki_port = free_port();
    // Without being told, and as the page goes on.
    ASSERT_EQ(alice.postern({"connect", "--background", "cache"}).exit_code, 0);
    Process agent({program("postern"), "connect", "--passthrough", fmt::format("cache:{}", cache_port),
                   "--passthrough", fmt::format("wiki:{}", wiki_port), "--json"},
                  alice.options());
    agent.wait_for_out(std::to_string(cache_port));
    agent.wait_for_out(std::to_string(wiki_port));

    PageRun page(home.path(), alice.options());
    page.map_port(16379, cache_port);
    page.map_port(18443, wiki_port);
    ASSERT_NO_THROW(page.run(blocks)) << agent.err();
    EXPECT_EQ(stack.wait_for_record("connection.accepted")["event"]["action"], "connection.accepted");
}

TEST(OtherProtocols, AreRefusedToWhoMayNot) {
    StackOptions options;
    options.with_postgres = false;
    options.gateway_tables =
        "[[service]]\nname = \"cache\"\nbackend = \"127.0.0.1:1\"\nprotocol = \"tcp\"\n"
        "[[rule]]\nservices = [\"cache\"]\ngroups = [\"operators\"]\n";
    Stack stack(options);
    const Laptop alice(stack, "alice");
    ASSERT_EQ(alice.login().exit_code, 0);
    const int port = free_port();
    Process agent({program("postern"), "connect", "--passthrough", fmt::format("cache:{}", port)},
                  alice.options());
    agent.wait_for_out(std::to_string(port));
    const ProcessResult outcome = run({"redis-cli", "-h", "localhost", "-p", std::to_string(port), "ping"});
    EXPECT_THAT(outcome.out, testing::Not(HasSubstr("PONG")));
    EXPECT_THAT(agent.err(), HasSubstr("no gateway offers cache to you now"));
    for (const auto& record : stack.records()) {
        EXPECT_NE(record["event"]["action"], "connection.accepted");
    }
}

}  // namespace
}  // namespace postern::test

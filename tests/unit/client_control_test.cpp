// The control socket: what is a request and what is not, and who may ask.
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <future>
#include <string>
#include <vector>

#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/file.hpp"
#include "base/unique_fd.hpp"
#include "client-proxy/agent/connection_lines.hpp"
#include "client-proxy/agent/event_log.hpp"
#include "client-proxy/commands/diagnostic_report.hpp"
#include "client-proxy/commands/service_file.hpp"
#include "client-proxy/control/json_rpc.hpp"
#include "client-proxy/control/server.hpp"
#include "client-proxy/platform/socket_owner.hpp"
#include "unit/client_support.hpp"

namespace postern::client::control {
namespace {

using nlohmann::json;
using testing::HasSubstr;

// Lines ----------------------------------------------------------------------------------------------

TEST(LineReader, CutsLinesWhereverTheBytesWereCut) {
    const std::string bytes = "{\"a\":1}\n\r\n{\"b\":2}\r\nrest";
    for (std::size_t step = 1; step <= bytes.size(); ++step) {
        LineReader reader(64);
        std::vector<std::string> lines;
        for (std::size_t at = 0; at < bytes.size(); at += step) {
            ASSERT_TRUE(reader.feed(std::string_view(bytes).substr(at, step)));
            while (auto line = reader.next()) {
                lines.push_back(*line);
            }
        }
        EXPECT_THAT(lines, testing::ElementsAre("{\"a\":1}", "{\"b\":2}")) << step;
    }
}

TEST(LineReader, RefusesALineThatDoesNotEnd) {
    LineReader reader(8);
    EXPECT_TRUE(reader.feed("12345678"));
    EXPECT_FALSE(reader.feed("9"));
}

// Requests -------------------------------------------------------------------------------------------

int code_of(std::string_view line) {
    const auto read = read_request(line);
    const auto* bad = std::get_if<BadRequest>(&read);
    return bad != nullptr ? static_cast<int>(bad->error.code) : 0;
}

TEST(Request, IsRead) {
    const auto read = read_request(
        R"({"jsonrpc":"2.0","id":7,"method":"connect","params":{"service":"orders-db"},"more":1})");
    const auto& request = std::get<Request>(read);
    EXPECT_EQ(request.id, 7);
    EXPECT_EQ(request.method, "connect");
    EXPECT_EQ(request.params["service"], "orders-db");
    EXPECT_TRUE(
        std::get<Request>(read_request(R"({"jsonrpc":"2.0","id":"a","method":"state"})")).params.is_object());
}

TEST(Request, IsRefusedWhenItIsNone) {
    EXPECT_EQ(code_of("{"), -32700);
    EXPECT_EQ(code_of("\xff\xfe"), -32700);
    EXPECT_EQ(code_of(std::string(1000, '[') + std::string(1000, ']')), -32700);
    EXPECT_EQ(code_of(R"([{"jsonrpc":"2.0","id":1,"method":"state"}])"), -32600);
    EXPECT_EQ(code_of("7"), -32600);
    EXPECT_EQ(code_of(R"({"id":1,"method":"state"})"), -32600);
    EXPECT_EQ(code_of(R"({"jsonrpc":"2.0","id":1})"), -32600);
    EXPECT_EQ(code_of(R"({"jsonrpc":"2.0","id":{},"method":"state"})"), -32600);
    EXPECT_EQ(code_of(R"({"jsonrpc":"2.0","id":1,"method":7})"), -32600);
    EXPECT_EQ(code_of(R"({"jsonrpc":"2.0","id":1,"method":"state","params":[1]})"), -32602);
}

TEST(Request, KeepsItsIdInTheRefusal) {
    const auto read = read_request(R"({"jsonrpc":"1.0","id":"x","method":"state"})");
    EXPECT_EQ(std::get<BadRequest>(read).id, "x");
}

TEST(Request, WithoutAnIdIsNotAnswered) {
    EXPECT_TRUE(
        std::holds_alternative<std::monostate>(read_request(R"({"jsonrpc":"2.0","method":"shutdown"})")));
}

TEST(Message, IsReadBackAsItWasWritten) {
    const auto result = read_message(result_line(3, {{"port", 5432}}));
    EXPECT_EQ(std::get<json>(std::get<Answer>(result).outcome)["port"], 5432);
    const Refusal refusal{Code::policy_denied, "no", "ask", "id"};
    const auto error = read_message(error_line(4, error_of(refusal)));
    const auto told = refusal_of(std::get<Error>(std::get<Answer>(error).outcome));
    EXPECT_EQ(told.code, Code::policy_denied);
    EXPECT_EQ(told.hint, "ask");
    EXPECT_EQ(told.connection_id, "id");
    const auto event = read_message(notification_line("login", nullptr));
    EXPECT_EQ(std::get<Notification>(event).method, "login");
    EXPECT_TRUE(std::get<Notification>(event).params.is_null());
}

TEST(Message, OfAFinerReasonIsReadAsTheCodeThatItMeans) {
    for (const auto& [word, code] : {std::pair("login_required", Code::unauthenticated), std::pair("ca_unreachable", Code::unreachable),
                                     std::pair("port_in_use", Code::already_exists), std::pair("revoked", Code::revoked),
                                     std::pair("of-a-newer-agent", Code::internal)}) {
        const json login = {{"error", {{"reason", word}, {"message", "m"}, {"hint", "h"}, {"connection_id", "id"}}}};
        const auto told = refusal_in(login, "error");
        ASSERT_TRUE(told) << word;
        EXPECT_EQ(told->code, code) << word;
        EXPECT_EQ(told->message + told->hint + told->connection_id, "mhid") << word;
    }
    EXPECT_FALSE(refusal_in({{"error", nullptr}}, "error"));
    EXPECT_FALSE(refusal_in(json::object(), "error"));
}

TEST(Message, NeverHoldsANewlineOfItsOwn) {
    const std::string line = result_line("a\nb", {{"text", "c\nd\xff"}});
    EXPECT_EQ(line.find('\n'), line.size() - 1);
}

// Server ---------------------------------------------------------------------------------------------

class Echo final : public Methods {
public:
    boost::asio::awaitable<Reply> call(ClientId client, std::string method, json params) override {
        if (method == "subscribe") {
            server->subscribe(client);
        } else if (method == "think") {
            boost::asio::steady_timer thought(co_await boost::asio::this_coro::executor,
                                              std::chrono::milliseconds(20));
            co_await thought.async_wait(boost::asio::use_awaitable);
        } else if (method == "throw") {
            params.at("missing").get<int>();
        } else if (method == "publish") {
            server->publish("event", params);
        }
        Reply reply = json{{"method", method}, {"params", params}};
        co_return reply;
    }
    void gone(ClientId) override { ++gone_clients; }

    Server* server = nullptr;
    std::atomic<int> gone_clients = 0;
};

class ControlServer : public testing::Test {
protected:
    ControlServer() : server_(loops_, methods_, bounds()) {
        methods_.server = &server_;
        net::Address address;
        address.host = path();
        address.is_unix = true;
        server_.serve(net::Listener::bind(address).value());
        loops_.start();
    }
    ~ControlServer() override { loops_.stop(); }

    static ServerBounds bounds() {
        ServerBounds made;
        made.clients = 2;
        made.unread_bytes = 64 * 1024;
        return made;
    }
    std::string path() const { return (folder_.path() / "agent.sock").string(); }
    UniqueFd dial() const {
        UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
        sockaddr_un name{};
        name.sun_family = AF_UNIX;
        path().copy(name.sun_path, sizeof name.sun_path - 1);
        EXPECT_EQ(::connect(fd.get(), reinterpret_cast<const sockaddr*>(&name), sizeof name), 0);
        const timeval timeout{10, 0};
        ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
        return fd;
    }
    static void say(const UniqueFd& fd, const std::string& text) {
        ::send(fd.get(), text.data(), text.size(), MSG_NOSIGNAL);
    }
    /// The next line; empty when the server closed.
    static std::string hear(const UniqueFd& fd) {
        std::string line;
        char byte = 0;
        while (::recv(fd.get(), &byte, 1, 0) == 1 && byte != '\n') {
            line += byte;
        }
        return line;
    }
    static std::string request(int id, const std::string& method) {
        return request_line(static_cast<std::uint64_t>(id), method, json::object());
    }

    Folder folder_;
    net::EventLoops loops_{1};
    Echo methods_;
    Server server_;
};

TEST_F(ControlServer, AnswersTheOwner) {
    const auto fd = dial();
    say(fd, request(1, "hello"));
    EXPECT_THAT(hear(fd), HasSubstr(R"("method":"hello")"));
}

TEST_F(ControlServer, IsAFileForTheOwnerAlone) {
    struct stat info {};
    ASSERT_EQ(::stat(path().c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777U, 0600U);
}

TEST_F(ControlServer, AnswersNonsenseAndGoesOn) {
    const auto fd = dial();
    say(fd, "nonsense\n" + request(2, "throw") + request(3, "hello"));
    EXPECT_THAT(hear(fd), HasSubstr("-32700"));
    EXPECT_THAT(hear(fd), HasSubstr("-32602"));
    EXPECT_THAT(hear(fd), HasSubstr(R"("id":3)"));
}

TEST_F(ControlServer, EndsAConnectionWhoseLineDoesNotEnd) {
    const auto fd = dial();
    say(fd, std::string(kMostRequestBytes + 1, 'x'));
    EXPECT_THAT(hear(fd), HasSubstr("too long"));
    EXPECT_EQ(hear(fd), "");
}

TEST_F(ControlServer, AnswersWhoeverAsksNoMoreAndThenCloses) {
    const auto fd = dial();
    say(fd, request(1, "think") + request(2, "think"));
    ::shutdown(fd.get(), SHUT_WR);
    EXPECT_THAT(hear(fd), HasSubstr("\"id\":1"));
    EXPECT_THAT(hear(fd), HasSubstr("\"id\":2"));
    EXPECT_EQ(hear(fd), "");
    EXPECT_EQ(methods_.gone_clients, 1);
}

TEST_F(ControlServer, TakesNoMoreClientsThanItsBoundAndTheNextAfterOneLeft) {
    auto first = dial();
    const auto second = dial();
    say(first, request(1, "hello"));
    say(second, request(1, "hello"));
    EXPECT_NE(hear(first), "");
    EXPECT_NE(hear(second), "");
    const auto refused = dial();
    say(refused, request(1, "hello"));
    EXPECT_THAT(hear(refused), HasSubstr("2 programs use the agent"));
    EXPECT_EQ(hear(refused), "");
    first = UniqueFd();
    say(second, request(2, "hello"));
    EXPECT_NE(hear(second), "");
    const auto third = dial();
    say(third, request(1, "hello"));
    EXPECT_NE(hear(third), "");
    EXPECT_EQ(methods_.gone_clients, 1);
}

TEST_F(ControlServer, KnowsWhetherClientsHaveBeenToldWhatWasPublished) {
    const auto subscriber = dial();
    say(subscriber, request(1, "subscribe"));
    EXPECT_THAT(hear(subscriber), HasSubstr("\"id\":1"));
    const auto has_unsent = [&](bool publishes) {
        std::promise<bool> told;
        boost::asio::post(loops_.at(0), [&] {
            if (publishes) {
                server_.publish("event", json::object());
            }
            told.set_value(server_.has_unsent());
        });
        return told.get_future().get();
    };
    EXPECT_TRUE(has_unsent(true));
    EXPECT_THAT(hear(subscriber), HasSubstr("\"method\":\"event\""));
    bool is_told = false;
    for (int i = 0; i < 1000 && !is_told; ++i) {
        is_told = !has_unsent(false);
    }
    EXPECT_TRUE(is_told);
}

TEST_F(ControlServer, TellsOnlyWhoSubscribed) {
    const auto deaf = dial();
    const auto subscriber = dial();
    say(subscriber, request(1, "subscribe"));
    EXPECT_THAT(hear(subscriber), HasSubstr("\"id\":1"));
    say(deaf, request(1, "publish"));
    EXPECT_THAT(hear(deaf), HasSubstr("\"id\":1"));
    EXPECT_THAT(hear(subscriber), HasSubstr("\"method\":\"event\""));
    say(deaf, request(2, "hello"));
    EXPECT_THAT(hear(deaf), HasSubstr("\"id\":2"));
}

TEST_F(ControlServer, ClosesWhoDoesNotRead) {
    const auto deaf = dial();
    const int small = 4096;
    ::setsockopt(deaf.get(), SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    const std::string line = request_line(1, "hello", {{"text", std::string(16'000, 'x')}});
    for (int i = 0; i < 200; ++i) {
        if (::send(deaf.get(), line.data(), line.size(), MSG_NOSIGNAL) < 0) {
            return;
        }
    }
    // Everything that it still gets is less than it asked for.
    std::size_t lines = 0;
    while (!hear(deaf).empty()) {
        ++lines;
    }
    EXPECT_LT(lines, 200U);
}

}  // namespace
}  // namespace postern::client::control

namespace postern::client {
namespace {

// What is shown -------------------------------------------------------------------------------------

TEST(EventLog, KeepsTheNewestAndNoMoreThanItsBound) {
    EventLog log;
    for (std::size_t i = 0; i < EventLog::kMost + 5; ++i) {
        log.add({{"service", i % 2 == 0 ? "a" : "b"}, {"number", i}});
    }
    EXPECT_EQ(log.latest("", 2)[0]["number"], EventLog::kMost + 4);
    EXPECT_EQ(log.latest("", 100'000).size(), EventLog::kMost);
    EXPECT_EQ(log.latest("b", 1)[0]["number"], EventLog::kMost + 3);
}

TEST(ConnectionLines, CanBePastedWhateverTheNameIs) {
    const auto lines =
        connection_lines({"orders-db", Mode::end_to_end, 5433, "o'hara@example.org", {}, {}, {}});
    EXPECT_EQ(lines["psql"], "psql -h localhost -p 5433 -U 'o'\\''hara@example.org'");
    EXPECT_EQ(lines["dsn"], "postgresql://o%27hara%40example.org@localhost:5433/");
    const auto passed = connection_lines({"orders-db",
                                          Mode::passthrough,
                                          5433,
                                          "alice",
                                          "/c",
                                          "/k",
                                          "/a",
                                          {},
                                          {},
                                          "orders-db.service.example.org"});
    EXPECT_THAT(passed["psql"].get<std::string>(), testing::HasSubstr("sslmode=verify-full sslrootcert=/a"));
}

TEST(ConnectionLines, NameTheServiceWhereTheProgramVerifiesIt) {
    ConnectionPlace place{"orders-db", Mode::passthrough, 5433, "alice", "/c", "/k", "/a"};
    place.server_host = "orders-db.service.example.org";
    const auto lines = connection_lines(place);
    const std::string conninfo =
        "host=orders-db.service.example.org hostaddr=127.0.0.1 port=5433 user=alice sslmode=verify-full "
        "sslrootcert=/a sslcert=/c sslkey=/k";
    EXPECT_EQ(lines["psql"], "psql '" + conninfo + "'");
    EXPECT_EQ(lines["dsn"], conninfo);
    EXPECT_EQ(lines["env"],
              "PGHOST=orders-db.service.example.org PGHOSTADDR=127.0.0.1 PGPORT=5433 PGUSER=alice "
              "PGSSLMODE=verify-full PGSSLROOTCERT=/a PGSSLCERT=/c PGSSLKEY=/k");
    EXPECT_EQ(lines["jdbc"],
              "jdbc:postgresql://orders-db.service.example.org:5433/?user=alice&sslmode=verify-full"
              "&sslrootcert=%2Fa&sslcert=%2Fc&sslkey=%2Fk");
    place.server_host.clear();
    EXPECT_TRUE(connection_lines(place).is_null()) << "no line that would prove any server";
}

TEST(ServiceFile, GetsOneEntryAndKeepsWhatOthersWrote) {
    const std::string others = "[mine]\nhost=db\n\n[last]\nport=1";
    const auto once = with_entry(others, {"orders-db", 5432, "alice"});
    ASSERT_TRUE(once.has_value());
    EXPECT_THAT(*once, testing::StartsWith("[mine]\nhost=db\n\n[last]\nport=1\n\n[orders-db]\n"));
    EXPECT_THAT(*once, testing::HasSubstr("\nport=5432\nuser=alice\n"));
    const auto moved = with_entry(*once, {"orders-db", 5433, "alice"});
    ASSERT_TRUE(moved.has_value());
    EXPECT_THAT(*moved, testing::HasSubstr("\nport=5433\n"));
    EXPECT_THAT(*moved, testing::Not(testing::HasSubstr("\nport=5432\n")));
    EXPECT_THAT(*moved, testing::StartsWith("[mine]\nhost=db\n\n[last]\nport=1\n"));
}

TEST(ServiceFile, ReplacesNothingButItsOwnLines) {
    const auto first = with_entry("", {"orders-db", 5432, "alice", "orders"});
    ASSERT_TRUE(first.has_value());
    const std::string added =
        "connect_timeout=5\n\n# of the test machine\n  [staging]\n  host=elsewhere\nport=1\n";
    const auto second = with_entry(*first + added, {"orders-db", 5433, "alice", ""});
    ASSERT_TRUE(second.has_value());
    EXPECT_THAT(*second, testing::StartsWith("[orders-db]\n#"));
    EXPECT_THAT(*second,
                testing::EndsWith("\nport=5433\nuser=alice\nsslmode=disable\ngssencmode=disable\n" + added));
    EXPECT_FALSE(with_entry(" [orders-db] \nhost=elsewhere\n", {"orders-db", 5432, "alice"}).has_value());
}

TEST(ServiceFile, IsWrittenBehindItsLinkWithTheModeThatItHas) {
    const Folder folder;
    const auto real = folder.path() / "dotfiles.conf";
    const auto link = folder.path() / "pg_service.conf";
    ASSERT_TRUE(write_file(real, "[mine]\nhost=db\n", 0644).has_value());
    std::filesystem::create_symlink(real, link);
    ::setenv("PGSERVICEFILE", link.c_str(), 1);
    const auto written = write_service_file({"orders-db", 5432, "alice"});
    ::unsetenv("PGSERVICEFILE");
    ASSERT_TRUE(written.has_value()) << written.error().message;
    EXPECT_EQ(*written, link);
    EXPECT_TRUE(std::filesystem::is_symlink(link));
    EXPECT_THAT(read_file(real).value(), testing::HasSubstr("[orders-db]"));
    struct stat info {};
    ASSERT_EQ(::stat(real.c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777U, 0644U);
}

TEST(ServiceFile, ReplacesNoSectionThatSomebodyElseWrote) {
    const auto refused = with_entry("[orders-db]\nhost=elsewhere\n", {"orders-db", 5432, "alice"});
    ASSERT_FALSE(refused.has_value());
    EXPECT_EQ(refused.error().code, Code::already_exists);
}

TEST(Doctor, NamesARemedyForWhatPostgresRefuses) {
    postgres::ErrorFields error;
    error.sqlstate = "28000";
    error.message = "no pg_hba.conf entry for host \"10.0.0.1\", user \"alice\"";
    EXPECT_THAT(explain(error, "orders-db", "alice").hint, testing::HasSubstr("hostssl"));
    error.message = "certificate authentication failed for user \"alice\"";
    EXPECT_THAT(explain(error, "orders-db", "alice").hint, testing::HasSubstr("user_map"));
    error.message = "the user is not allowed";
    error.hint = "Ask the administrator.";
    error.detail = "Postern connection 1";
    EXPECT_EQ(explain(error, "orders-db", "alice").hint, "Ask the administrator.");
}

TEST(Doctor, FailsWithTheFirstTroublesCode) {
    DiagnosticReport report;
    report.good("profile", "here");
    EXPECT_EQ(report.exit_code(), 0);
    report.bad("ca.tcp", Refusal{Code::unreachable, "no", "do", {}});
    report.bad("login", Refusal{Code::expired, "no", "do", {}});
    EXPECT_EQ(report.exit_code(), 5);
    EXPECT_EQ(report.to_json()["steps"][1]["remedy"], "do");
    EXPECT_EQ(report.to_json()["is_well"], false);
}

TEST(LocalProgram, IsClaimedInAFormThatNoPathBreaks) {
    const LocalProgram program{7, 1000, "/opt/my tool, pid=8\r\n"};
    EXPECT_EQ(program.claims(), "pid=7, uid=1000, program=/opt/my%20tool%2C%20pid%3D8%0D%0A");
    EXPECT_EQ(LocalProgram().claims(), "");
}

TEST(LocalProgram, IsAllowedByItsPathOrItsNameAndByNothingElse) {
    EXPECT_TRUE(is_program_named({"psql"}, "/usr/bin/psql"));
    EXPECT_TRUE(is_program_named({"/usr/bin/psql"}, "/usr/bin/psql"));
    EXPECT_FALSE(is_program_named({"/usr/bin/psql"}, "/tmp/psql"));
    EXPECT_FALSE(is_program_named({"psql"}, "/usr/bin/psql2"));
    EXPECT_FALSE(is_program_named({"psql", ""}, ""));
}

}  // namespace
}  // namespace postern::client

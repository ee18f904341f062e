#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/unique_fd.hpp"
#include "client-proxy/agent/agent.hpp"
#include "client-proxy/agent/listen_plan.hpp"
#include "client-proxy/platform/local_peer.hpp"
#include "client-proxy/platform/socket_owner.hpp"
#include "postgres/error_response.hpp"
#include "postgres/wire.hpp"
#include "support/loopback_address.hpp"
#include "unit/client_support.hpp"

namespace postern::client {
namespace {

using namespace std::chrono_literals;
using namespace std::string_literals;
using testing::HasSubstr;

class Unheard final : public EventSink {
public:
    void note(Event) override {}
};

class AgentPort : public testing::Test {
protected:
    AgentPort()
        : logins_(std::make_shared<FixedLogin>(people_.login(now() + 30min))), agent_(events_, options()) {
        agent_.start();
        open_ = open("orders-db", Mode::end_to_end).value();
        port_ = open_->number;
        mapped_port_ = open("mapped-db", Mode::end_to_end).value()->number;
        passthrough_port_ = open("orders-db", Mode::passthrough).value()->number;
    }
    ~AgentPort() override { agent_.stop(); }

    Result<LocalPortPtr> open(const std::string& service, Mode mode, unsigned short number = 0) {
        PortOrder order;
        order.service = service;
        order.mode = mode;
        order.number = number;
        order.logins = logins_;
        return agent_.open(order);
    }

    static AgentOptions options() {
        AgentOptions made;
        made.start_timeout = 300ms;
        made.pending = 4;
        made.loops = 1;
        return made;
    }

    static UniqueFd connect_to(unsigned short port) {
        UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        const sockaddr_in address = test::loopback(port);
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
    std::shared_ptr<LoginSource> logins_;
    Unheard events_;
    Agent agent_;
    LocalPortPtr open_;
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
    EXPECT_EQ(fields.sqlstate, "57P03");
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
    EXPECT_EQ(told(hear(client)).sqlstate, "57P03");
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

TEST_F(AgentPort, TellsATlsClientInTls) {
    const auto client = connect_to(port_);
    say(client, "\x16\x03\x01");
    EXPECT_EQ(hear(client), "\x15\x03\x03\x00\x02\x02\x31"s);
}

TEST_F(AgentPort, TellsABrowserInHttp) {
    const auto client = connect_to(port_);
    say(client, "GET / HTTP/1.1\r\n\r\n");
    const std::string heard = hear(client);
    EXPECT_TRUE(heard.starts_with("HTTP/1.1 400 ")) << heard;
    EXPECT_THAT(heard, HasSubstr("PostgreSQL"));
}

TEST_F(AgentPort, CutsASilentClient) {
    const auto client = connect_to(port_);
    EXPECT_EQ(told(hear(client)).sqlstate, "57P03");
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
    EXPECT_EQ(told(hear(client)).sqlstate, "57P03");
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
    const auto taken = open("other-db", Mode::end_to_end, port_);
    ASSERT_FALSE(taken.has_value());
    EXPECT_EQ(taken.error().code, Code::already_exists);
}

TEST_F(AgentPort, IsFreeForAnotherServiceOnceItIsClosed) {
    agent_.close(*open_, Refusal());
    const auto again = open("other-db", Mode::end_to_end, port_);
    ASSERT_TRUE(again.has_value()) << again.error().detail;
    EXPECT_EQ((*again)->number, port_);
}

TEST_F(AgentPort, SaysWhoListensOnATakenPort) {
    const auto who = listener_on(port_);
    ASSERT_TRUE(who.has_value());
    EXPECT_EQ(who->pid, ::getpid());
    EXPECT_THAT(who->text(), HasSubstr(std::to_string(::getpid())));
    agent_.close(*open_, Refusal());
    EXPECT_FALSE(listener_on(port_).has_value());
}

TEST_F(AgentPort, FindsTheProgramThatConnects) {
    const auto client = connect_to(port_);
    const auto again = connect_to(port_);
    ProgramFinder finder;
    struct stat info {};
    for (const auto* fd : {&client, &again}) {
        ASSERT_EQ(::fstat(fd->get(), &info), 0);
        EXPECT_EQ(finder.find(info.st_ino, ::geteuid(), 1'000'000), ::getpid());
    }
    EXPECT_EQ(ProgramFinder().find(1, ::geteuid(), 1'000'000), 0);
}

/// Accepts what connects, when it is asked to.
class LocalPeers : public testing::Test {
protected:
    LocalPeers() : listening_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        address_.sin_family = AF_INET;
        address_.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof address_;
        EXPECT_EQ(::bind(listening_.get(), reinterpret_cast<sockaddr*>(&address_), size), 0);
        EXPECT_EQ(::listen(listening_.get(), 8), 0);
        EXPECT_EQ(::getsockname(listening_.get(), reinterpret_cast<sockaddr*>(&address_), &size), 0);
    }
    UniqueFd connect() const {
        UniqueFd client(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        EXPECT_EQ(::connect(client.get(), reinterpret_cast<const sockaddr*>(&address_), sizeof address_), 0);
        EXPECT_EQ(::send(client.get(), "FLUSHALL\r\n", 10, 0), 10);
        return client;
    }
    UniqueFd accept() const { return UniqueFd(::accept4(listening_.get(), nullptr, nullptr, SOCK_CLOEXEC)); }

    const UniqueFd listening_;
    sockaddr_in address_{};
};

TEST_F(LocalPeers, AreKnownByTheirUser) {
    const UniqueFd client = connect();
    const UniqueFd accepted = accept();
    const auto peer = local_peer(accepted.get());
    ASSERT_TRUE(peer.has_value());
    EXPECT_EQ(peer->uid, ::geteuid());
    EXPECT_TRUE(is_own_user(*peer));
    ASSERT_EQ(::shutdown(client.get(), SHUT_WR), 0);
    EXPECT_TRUE(local_peer(accepted.get()).has_value()) << "half-closed";
}

// The kernel shows a socket that was closed as root's.
TEST_F(LocalPeers, AreNobodyOnceTheyHaveClosedTheirSocket) {
    connect();
    const UniqueFd accepted = accept();
    EXPECT_FALSE(local_peer(accepted.get()).has_value());
    EXPECT_FALSE(local_peer(listening_.get()).has_value());
}

TEST(ListenPlan, IsTheLoopbackUnlessTold) {
    const auto plan = ListenPlan::of({});
    EXPECT_EQ(plan.v4, "127.0.0.1");
    EXPECT_EQ(plan.v6, "::1");
    EXPECT_TRUE(plan.more.empty());
}

TEST(ListenPlan, HasEachAddressOnceHoweverItIsWritten) {
    const auto plan = ListenPlan::of({"10.0.0.7", "10.0.0.7", "fd00::1", "FD00:0::1", "127.0.0.1", "0:0::1"});
    EXPECT_EQ(plan.v4, "127.0.0.1");
    EXPECT_EQ(plan.v6, "::1");
    EXPECT_THAT(plan.more, testing::UnorderedElementsAre("10.0.0.7", "fd00::1"));
}

TEST(ListenPlan, AllAddressesCoverThoseOfTheirFamily) {
    const auto v4 = ListenPlan::of({"127.0.0.2", "0.0.0.0", "fd00::1"});
    EXPECT_EQ(v4.v4, "0.0.0.0");
    EXPECT_EQ(v4.v6, "::1");
    EXPECT_THAT(v4.more, testing::ElementsAre("fd00::1"));
    const auto v6 = ListenPlan::of({"0::0", "fd00::1", "127.0.0.2"});
    EXPECT_EQ(v6.v4, "127.0.0.1");
    EXPECT_EQ(v6.v6, "::");
    EXPECT_THAT(v6.more, testing::ElementsAre("127.0.0.2"));
    const auto both = ListenPlan::of({"*", "10.0.0.7", "fd00::1"});
    EXPECT_EQ(both.v4, "0.0.0.0");
    EXPECT_EQ(both.v6, "::");
    EXPECT_TRUE(both.more.empty());
}

}  // namespace
}  // namespace postern::client

// A host with several addresses, of which some are dead.
#include <sched.h>
#include <sys/socket.h>

#include <chrono>
#include <cstdlib>
#include <optional>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "base/unique_fd.hpp"
#include "net/happy_eyeballs.hpp"
#include "net/listener.hpp"
#include "support/loopback_address.hpp"
#include "support/net_fixture.hpp"
#include "support/silent_backend.hpp"

namespace postern::net {
namespace {

using namespace std::chrono_literals;
using boost::asio::awaitable;
using Tcp = boost::asio::ip::tcp::endpoint;

Tcp at(const char* address, unsigned short port) {
    return Tcp(boost::asio::ip::make_address(address), port);
}

/// A port whose queue is full: who dials it hears nothing.
class SilentPort {
public:
    SilentPort() {
        const sockaddr_in address = test::loopback(port());
        for (int i = 0; i < 8; ++i) {
            waiting_.emplace_back(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
            ::connect(waiting_.back().get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
        }
    }
    unsigned short port() const { return static_cast<unsigned short>(listener_.port()); }

private:
    test::SilentBackend listener_{0};
    std::vector<UniqueFd> waiting_;
};

awaitable<void> connect_and_keep(std::vector<Tcp> endpoints, std::chrono::milliseconds timeout,
                                 std::chrono::milliseconds network_timeout,
                                 std::optional<Result<PlainStream>>& out) {
    Result<PlainStream> connected = co_await connect_to_any(std::move(endpoints), timeout, network_timeout);
    out.emplace(std::move(connected));
}

/// The port that answered, 0 for none.
unsigned short answering(std::vector<Tcp> endpoints, std::chrono::milliseconds timeout, Code* why = nullptr,
                         std::chrono::milliseconds network_timeout = 0ms) {
    boost::asio::io_context loop;
    std::optional<Result<PlainStream>> out;
    test::run(loop, connect_and_keep(std::move(endpoints), timeout, network_timeout, out));
    if (out->has_error()) {
        if (why != nullptr) {
            *why = out->error().code;
        }
        return 0;
    }
    return out->value().remote().port;
}

TEST(HappyEyeballs, FamiliesTakeTurnsAndTheFirstGoesFirst) {
    const auto turns = take_turns({at("::1", 1), at("::1", 2), at("::1", 3), at("127.0.0.1", 4)});
    ASSERT_EQ(turns.size(), 4U);
    EXPECT_EQ(turns[0].port(), 1);
    EXPECT_EQ(turns[1].port(), 4);
    EXPECT_EQ(turns[2].port(), 2);
    EXPECT_EQ(turns[3].port(), 3);
    EXPECT_EQ(take_turns({at("127.0.0.1", 4), at("::1", 1)})[0].port(), 4);
    EXPECT_TRUE(take_turns({}).empty());
}

TEST(HappyEyeballs, ASilentAddressCostsAQuarterOfASecond) {
    const SilentPort silent;
    const Listener good = Listener::bind(parse_address("127.0.0.1:0").value()).value();
    const auto began = std::chrono::steady_clock::now();
    EXPECT_EQ(answering({at("127.0.0.1", silent.port()), at("127.0.0.1", good.port())}, 30s), good.port());
    const auto took = std::chrono::steady_clock::now() - began;
    EXPECT_GE(took, 240ms);
    EXPECT_LT(took, 5s);
}

TEST(HappyEyeballs, AnAddressThatRefusesCostsNothing) {
    unsigned short closed = 0;
    {
        const Listener gone = Listener::bind(parse_address("127.0.0.1:0").value()).value();
        closed = gone.port();
    }
    const Listener good = Listener::bind(parse_address("127.0.0.1:0").value()).value();
    const auto began = std::chrono::steady_clock::now();
    std::vector<Tcp> addresses(8, at("127.0.0.1", closed));
    addresses.push_back(at("127.0.0.1", good.port()));
    EXPECT_EQ(answering(std::move(addresses), 30s), good.port());
    EXPECT_LT(std::chrono::steady_clock::now() - began, 1900ms) << "eight times a quarter of a second";
}

TEST(HappyEyeballs, TellsWhyWhenNoneAnswers) {
    const SilentPort silent;
    Code why = Code::internal;
    EXPECT_EQ(answering({at("127.0.0.1", silent.port()), at("127.0.0.1", silent.port())}, 600ms, &why), 0);
    EXPECT_EQ(why, Code::timed_out);
    unsigned short closed = 0;
    {
        const Listener gone = Listener::bind(parse_address("127.0.0.1:0").value()).value();
        closed = gone.port();
    }
    EXPECT_EQ(answering({at("127.0.0.1", closed), at("127.0.0.1", closed)}, 30s, &why), 0);
    EXPECT_EQ(why, Code::unreachable);
    EXPECT_EQ(answering({}, 30s, &why), 0);
    EXPECT_EQ(why, Code::unreachable);
}

TEST(HappyEyeballs, WaitsForANetworkThatIsAwayForAsLongAsItIsTold) {
    bool has_own_network = false;
    std::thread away([&] {
        has_own_network = ::unshare(CLONE_NEWNET) == 0;
        if (!has_own_network) {
            return;
        }
        // A loopback that is down has no route.
        const Listener good = Listener::bind(parse_address("0.0.0.0:0").value()).value();
        Code why = Code::internal;
        const auto began = std::chrono::steady_clock::now();
        EXPECT_EQ(answering({at("127.0.0.1", good.port())}, 30s, &why), 0);
        EXPECT_EQ(why, Code::unreachable);
        EXPECT_LT(std::chrono::steady_clock::now() - began, 5s) << "nobody has told it to wait";
        EXPECT_EQ(answering({at("127.0.0.1", good.port())}, 30s, &why, 500ms), 0);
        EXPECT_EQ(why, Code::unreachable);
        EXPECT_GE(std::chrono::steady_clock::now() - began, 500ms);
        std::thread return_of_the_network([] {
            std::this_thread::sleep_for(500ms);
            EXPECT_EQ(std::system("ip link set lo up"), 0);
        });
        EXPECT_EQ(answering({at("127.0.0.1", good.port())}, 30s, &why, 20s), good.port());
        return_of_the_network.join();
        // One that is there, and refuses, is not waited for.
        const auto refused = std::chrono::steady_clock::now();
        EXPECT_EQ(answering({at("127.0.0.1", 1)}, 30s, &why, 20s), 0);
        EXPECT_EQ(answering({at("192.0.2.1", 1), at("127.0.0.1", 1)}, 30s, &why, 20s), 0);
        EXPECT_LT(std::chrono::steady_clock::now() - refused, 10s);
    });
    away.join();
    if (!has_own_network) {
        GTEST_SKIP() << "a network of its own takes root";
    }
}

}  // namespace
}  // namespace postern::net

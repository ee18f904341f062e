// Addresses, and who is reached at them.
#include <dlfcn.h>
#include <fcntl.h>
#include <netdb.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <gtest/gtest.h>
#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>

#include "base/unique_fd.hpp"
#include "net/dial.hpp"
#include "net/event_loops.hpp"
#include "net/listener.hpp"
#include "support/net_fixture.hpp"

namespace {
std::atomic<int> slow_lookups = 0;
std::atomic<bool> has_slow_lookup_ended = false;
}  // namespace

/// In place of the C library's: names in slow.test take their time, as where no name server answers.
extern "C" int getaddrinfo(const char* node, const char* service, const addrinfo* hints, addrinfo** found) {
    if (node != nullptr && std::string_view(node).ends_with(".slow.test")) {
        ++slow_lookups;
        std::this_thread::sleep_for(std::chrono::seconds(20));
        has_slow_lookup_ended = true;
        return EAI_AGAIN;
    }
    static const auto real = reinterpret_cast<decltype(&::getaddrinfo)>(::dlsym(RTLD_NEXT, "getaddrinfo"));
    return real(node, service, hints, found);
}

namespace postern::net {
namespace {

using namespace std::chrono_literals;
using boost::asio::awaitable;

TEST(Address, ReadsWhatPeopleWrite) {
    EXPECT_EQ(parse_address("db.example.org:5432").value().host, "db.example.org");
    EXPECT_EQ(parse_address("[::1]:5432").value().host, "::1");
    EXPECT_EQ(parse_address("[::1]:5432").value().text(), "[::1]:5432");
    EXPECT_EQ(parse_address("127.0.0.1:0").value().port, "0");
    EXPECT_TRUE(parse_address("unix:/run/x.sock").value().is_unix);
    EXPECT_EQ(parse_address("unix:/run/x.sock").value().text(), "unix:/run/x.sock");
}

TEST(Address, RefusesTheRest) {
    for (const char* text : {"", "host", "host:", ":5432", "host:99999", "host:12x", "::1:5432", "[::1]",
                             "[x]:1", "unix:", "a b:1", "a/b:1", "host:-1", "host:000000"}) {
        EXPECT_TRUE(parse_address(text).has_error()) << text;
    }
    EXPECT_TRUE(parse_address("unix:/" + std::string(200, 'x')).has_error());
}

awaitable<void> dial_and_keep(Address address, std::chrono::milliseconds timeout,
                              std::optional<Result<PlainStream>>& out) {
    Result<PlainStream> dialled = co_await dial(std::move(address), timeout);
    out.emplace(std::move(dialled));
}

Code dial_failure(const std::string& address, std::chrono::milliseconds timeout) {
    boost::asio::io_context loop;
    std::optional<Result<PlainStream>> out;
    test::run(loop, dial_and_keep(parse_address(address).value(), timeout, out));
    return out->has_error() ? out->error().code : Code::internal;
}

TEST(Dial, SaysWhyItCouldNot) {
    boost::asio::io_context loop;
    unsigned short port = 0;
    {
        const Listener gone = Listener::bind(parse_address("127.0.0.1:0").value()).value();
        port = gone.port();
    }
    EXPECT_EQ(dial_failure("127.0.0.1:" + std::to_string(port), 5s), Code::unreachable);
    EXPECT_EQ(dial_failure("no-such-host.invalid:1", 10s), Code::unreachable);
    EXPECT_EQ(dial_failure("unix:/nowhere/at/all", 5s), Code::unreachable);
}

TEST(Dial, GivesUpWhenTheListenersQueueIsFull) {
    // A queue that nobody accepts from: the kernel drops what comes on top of it.
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const boost::asio::ip::tcp::endpoint any(boost::asio::ip::address_v4::loopback(), 0);
    ASSERT_EQ(::bind(fd, any.data(), static_cast<socklen_t>(any.size())), 0);
    ASSERT_EQ(::listen(fd, 0), 0);
    const Listener listener = Listener::adopt(fd);
    boost::asio::io_context loop;
    std::vector<UniqueFd> fillers;
    const boost::asio::ip::tcp::endpoint endpoint(boost::asio::ip::address_v4::loopback(), listener.port());
    for (int i = 0; i < 4; ++i) {
        fillers.emplace_back(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
        (void)::connect(fillers.back().get(), endpoint.data(), static_cast<socklen_t>(endpoint.size()));
    }
    std::this_thread::sleep_for(50ms);
    const auto start = std::chrono::steady_clock::now();
    EXPECT_EQ(dial_failure("127.0.0.1:" + std::to_string(listener.port()), 200ms), Code::timed_out);
    EXPECT_LT(std::chrono::steady_clock::now() - start, 3s);
}

TEST(Dial, ANameThatHangsCostsItsOwnCallersAlone) {
    const Listener listener = Listener::bind(parse_address("127.0.0.1:0").value()).value();
    boost::asio::io_context loop;
    std::array<std::optional<Result<PlainStream>>, 5> late;
    std::vector<awaitable<void>> dials;
    for (auto& out : late) {
        dials.push_back(dial_and_keep(parse_address("db.slow.test:1").value(), 100ms, out));
    }
    std::optional<Result<PlainStream>> healthy;
    Address address{"localhost", std::to_string(listener.port())};
    dials.push_back(dial_and_keep(std::move(address), 20s, healthy));
    slow_lookups = 0;
    test::run_all(loop, std::move(dials));
    for (const auto& out : late) {
        EXPECT_EQ(out->error().code, Code::timed_out);
    }
    EXPECT_TRUE(healthy->has_value());
    EXPECT_EQ(slow_lookups, 1) << "one look-up for all five";
    EXPECT_FALSE(has_slow_lookup_ended) << "nobody waited for it";
}

TEST(Dial, TellsThatThisProcessHasNoDescriptorsLeft) {
    const Listener listener = Listener::bind(parse_address("127.0.0.1:0").value()).value();
    boost::asio::io_context loop;
    // What the loop itself needs.
    const boost::asio::steady_timer timer(loop);
    const boost::asio::ip::tcp::socket socket(loop);
    std::vector<UniqueFd> fillers;
    rlimit before{};
    ::getrlimit(RLIMIT_NOFILE, &before);
    rlimit few = before;
    few.rlim_cur = 256;
    ::setrlimit(RLIMIT_NOFILE, &few);
    for (bool fits = true; fits;) {
        fillers.emplace_back(::open("/dev/null", O_RDONLY | O_CLOEXEC));
        fits = static_cast<bool>(fillers.back());
    }
    std::vector<std::optional<Result<PlainStream>>> out(2);
    test::run(loop, dial_and_keep(Address{"127.0.0.1", std::to_string(listener.port())}, 5s, out[0]));
    test::run(loop, dial_and_keep(Address{"localhost", std::to_string(listener.port())}, 5s, out[1]));
    fillers.clear();
    ::setrlimit(RLIMIT_NOFILE, &before);
    for (const auto& one : out) {
        ASSERT_TRUE(one->has_error());
        EXPECT_EQ(one->error().code, Code::out_of_resources);
        EXPECT_NE(one->error().detail.find("limit is 256"), std::string::npos) << one->error().detail;
    }
}

/// Connections to a Unix socket until no more fit into its queue.
std::vector<UniqueFd> fill(const boost::asio::local::stream_protocol::endpoint& endpoint) {
    std::vector<UniqueFd> fillers;
    for (bool fits = true; fits && fillers.size() < 100;) {
        fillers.emplace_back(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
        fits = ::connect(fillers.back().get(), endpoint.data(), static_cast<socklen_t>(endpoint.size())) == 0;
    }
    return fillers;
}

TEST(Dial, WaitsForAPlaceInTheQueueOfAUnixSocket) {
    const std::string path = testing::TempDir() + "/postern_full_test.sock";
    std::filesystem::remove(path);
    const UniqueFd listener(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const boost::asio::local::stream_protocol::endpoint endpoint(path);
    ASSERT_EQ(::bind(listener.get(), endpoint.data(), static_cast<socklen_t>(endpoint.size())), 0);
    ASSERT_EQ(::listen(listener.get(), 0), 0);
    const auto fillers = fill(endpoint);
    const auto start = std::chrono::steady_clock::now();
    EXPECT_EQ(dial_failure("unix:" + path, 200ms), Code::timed_out);
    EXPECT_LT(std::chrono::steady_clock::now() - start, 3s);
    boost::asio::io_context loop;
    std::optional<Result<PlainStream>> out;
    std::optional<UniqueFd> accepted;
    boost::asio::steady_timer timer(loop, 50ms);
    timer.async_wait([&](const boost::system::error_code&) {
        accepted.emplace(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
    });
    test::run(loop, dial_and_keep(parse_address("unix:" + path).value(), 20s, out));
    EXPECT_TRUE(accepted.has_value()) << "there was no room before";
    ASSERT_TRUE(out->has_value());
    EXPECT_EQ(out->value().try_write(test::as_bytes(std::string("x"))).value(), 1U);
    std::filesystem::remove(path);
}

TEST(Dial, ReachesAListenerOnEachLoop) {
    EventLoops loops(2);
    std::atomic<int> served = 0;
    Listener listener = Listener::bind(parse_address("127.0.0.1:0").value()).value();
    const unsigned short port = listener.port();
    listener.accept_on(loops, [&served](boost::asio::io_context&, std::size_t, PlainStream stream) {
        EXPECT_EQ(stream.remote().address, "127.0.0.1");
        ++served;
    });
    loops.start();
    boost::asio::io_context loop;
    for (int i = 0; i < 50; ++i) {
        std::optional<Result<PlainStream>> out;
        test::run(loop, dial_and_keep(parse_address("localhost:" + std::to_string(port)).value(), 5s, out));
        ASSERT_TRUE(out->has_value()) << out->error().detail;
        EXPECT_EQ(out->value().remote().port, port);
    }
    while (served < 50) {
        std::this_thread::yield();
    }
    listener.stop();
    // The loops close their doors one after the other.
    for (int i = 0; i < 500; ++i) {
        std::optional<Result<PlainStream>> out;
        test::run(loop, dial_and_keep(parse_address("127.0.0.1:" + std::to_string(port)).value(), 5s, out));
        if (out->has_error()) {
            break;
        }
        std::this_thread::sleep_for(10ms);
    }
    EXPECT_EQ(dial_failure("127.0.0.1:" + std::to_string(port), 5s), Code::unreachable);
    loops.stop();
}

TEST(Listener, TellsOnceThatThereAreNoDescriptorsAndServesWhenThereAre) {
    std::ostringstream log;
    const auto before_log = spdlog::default_logger();
    spdlog::set_default_logger(
        std::make_shared<spdlog::logger>("test", std::make_shared<spdlog::sinks::ostream_sink_mt>(log)));
    EventLoops loops(2);
    std::atomic<int> served = 0;
    Listener listener = Listener::bind(parse_address("127.0.0.1:0").value()).value();
    listener.accept_on(loops, [&served](boost::asio::io_context&, std::size_t, PlainStream) { ++served; });
    const UniqueFd client(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    loops.start();
    rlimit before{};
    ::getrlimit(RLIMIT_NOFILE, &before);
    rlimit few = before;
    few.rlim_cur = 256;
    ::setrlimit(RLIMIT_NOFILE, &few);
    std::vector<UniqueFd> fillers;
    for (bool fits = true; fits;) {
        fillers.emplace_back(::open("/dev/null", O_RDONLY | O_CLOEXEC));
        fits = static_cast<bool>(fillers.back());
    }
    const boost::asio::ip::tcp::endpoint endpoint(boost::asio::ip::address_v4::loopback(), listener.port());
    ASSERT_EQ(::connect(client.get(), endpoint.data(), static_cast<socklen_t>(endpoint.size())), 0);
    // Some ten tries of each loop.
    std::this_thread::sleep_for(1s);
    EXPECT_EQ(served, 0);
    fillers.clear();
    ::setrlimit(RLIMIT_NOFILE, &before);
    for (int i = 0; i < 2000 && served == 0; ++i) {
        std::this_thread::sleep_for(10ms);
    }
    EXPECT_EQ(served, 1);
    loops.stop();
    spdlog::set_default_logger(before_log);
    const std::string told = log.str();
    EXPECT_NE(told.find("event=accept.paused"), told.npos) << told;
    EXPECT_EQ(told.find("event=accept.paused"), told.rfind("event=accept.paused")) << told;
    EXPECT_NE(told.find("limit is 256"), told.npos) << told;
}

}  // namespace
}  // namespace postern::net

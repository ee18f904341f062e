// Many at once: 2,000 idle tunnels beside 200 busy ones through one gateway, and what is left when they are
// gone.
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/unique_fd.hpp"
#include "support/echo_server.hpp"
#include "support/loopback_address.hpp"
#include "support/stack.hpp"
#include "support/swarm.hpp"

namespace postern::test {
namespace {

// A handshake under AddressSanitizer costs several times as much.
#ifdef __SANITIZE_ADDRESS__
constexpr int kIdle = 500;
#else
constexpr int kIdle = 2000;
#endif

UniqueFd connect_to(int port) {
    UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const sockaddr_in address = loopback(port);
    const timeval timeout{60, 0};
    ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
    if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
        return UniqueFd();
    }
    return fd;
}

/// Sends the text and reads exactly as much back.
bool echoes(int fd, const std::string& text) {
    std::size_t sent = 0;
    std::string back;
    std::vector<char> block(65536);
    while (back.size() < text.size()) {
        pollfd ready{fd, static_cast<short>(POLLIN | (sent < text.size() ? POLLOUT : 0)), 0};
        if (::poll(&ready, 1, 60000) <= 0) {
            return false;
        }
        if ((ready.revents & POLLOUT) != 0) {
            const ssize_t took =
                ::send(fd, text.data() + sent, text.size() - sent, MSG_DONTWAIT | MSG_NOSIGNAL);
            sent += took > 0 ? static_cast<std::size_t>(took) : 0;
        }
        if ((ready.revents & (POLLIN | POLLHUP | POLLERR)) != 0) {
            const ssize_t got = ::recv(fd, block.data(), block.size(), 0);
            if (got <= 0) {
                return false;
            }
            back.append(block.data(), static_cast<std::size_t>(got));
        }
    }
    return back == text;
}

std::size_t open_files(pid_t pid) {
    std::size_t count = 0;
    for ([[maybe_unused]] const auto& entry :
         std::filesystem::directory_iterator(fmt::format("/proc/{}/fd", pid))) {
        ++count;
    }
    return count;
}

long resident_kib(pid_t pid) {
    std::ifstream status(fmt::format("/proc/{}/status", pid));
    for (std::string line; std::getline(status, line);) {
        if (line.starts_with("VmRSS:")) {
            return std::stol(line.substr(6));
        }
    }
    return -1;
}

TEST(Load, TwoThousandIdleAndTwoHundredBusyTunnelsLoseNothingAndLeaveNothing) {
    EchoServer echo;
    StackOptions options;
    options.with_postgres = false;
    options.limits =
        "connections_per_service = 10000\nconnections_per_service_and_identity = 10000\n"
        "connections_per_identity_per_minute = 100000\n"
        // A person's share, where there are fewer descriptors than the gateway would like, too.
        "connections_per_identity = 10000\n";
    options.gateway_tables = fmt::format(
        "[[service]]\nname = \"echo\"\nbackend = \"127.0.0.1:{}\"\nprotocol = \"tcp\"\nmode = "
        "\"passthrough\"\n"
        "[[rule]]\nservices = [\"echo\"]\ngroups = [\"analysts\"]\n",
        echo.port());
    Stack stack(options);
    Laptop alice(stack, "alice");
    ASSERT_EQ(alice.login().exit_code, 0);
    const int port = free_port();
    Process connect({program("postern"), "connect", "--passthrough", fmt::format("echo:{}", port), "--json"},
                    alice.options());
    connect.wait_for_out(std::to_string(port));
    const pid_t agent = agent_pid_in(connect);
    ASSERT_TRUE(eventually([&] {
        const UniqueFd first = connect_to(port);
        return first && echoes(first.get(), "x");
    }));

    // Asio keeps a record of 176 bytes for each socket that a loop ever had at once, scattered so that each
    // holds a page: 17 MiB for 4,400 sockets, more when the rounds fall unevenly on the loops. What two rounds
    // leak, if they do, is 100 MiB.
    [[maybe_unused]] constexpr long kSlackKib = 36L * 1024;
    ASSERT_TRUE(eventually([&] { return echo.open() == 0; }));
    const std::size_t files_gateway = open_files(stack.gateway().pid());
    const std::size_t files_agent = open_files(agent);
    [[maybe_unused]] const long resident_gateway = resident_kib(stack.gateway().pid());
    [[maybe_unused]] const long resident_agent = resident_kib(agent);
    for (int round = 0; round < 2; ++round) {
        std::vector<UniqueFd> idle;
        for (int i = 0; i < kIdle; ++i) {
            idle.push_back(connect_to(port));
            ASSERT_TRUE(idle.back()) << i;
        }
        for (int i = 0; i < kIdle; ++i) {
            ASSERT_TRUE(echoes(idle[static_cast<std::size_t>(i)].get(), fmt::format("hello {}", i))) << i;
        }
        EXPECT_EQ(echo.open(), kIdle);
        std::atomic<int> whole = 0;
        std::vector<std::thread> busy;
        for (int i = 0; i < 200; ++i) {
            busy.emplace_back([&, i] {
                const UniqueFd fd = connect_to(port);
                bool is_whole = static_cast<bool>(fd);
                for (int turn = 0; is_whole && turn < 20; ++turn) {
                    is_whole = echoes(fd.get(), std::string(static_cast<std::size_t>(1 + turn * 4999),
                                                            static_cast<char>('a' + i % 26)));
                }
                whole += is_whole ? 1 : 0;
            });
        }
        for (std::thread& thread : busy) {
            thread.join();
        }
        EXPECT_EQ(whole, 200);
        for (int i = 0; i < kIdle; ++i) {
            ASSERT_TRUE(echoes(idle[static_cast<std::size_t>(i)].get(), "still here")) << i;
        }
        idle.clear();
        ASSERT_TRUE(eventually([&] { return echo.open() == 0; }, std::chrono::seconds(30)));
        // The warm connections of the burst stand a few seconds longer than it.
        const auto calm = std::chrono::seconds(30);
        EXPECT_TRUE(eventually([&] { return open_files(stack.gateway().pid()) <= files_gateway + 8; }, calm))
            << open_files(stack.gateway().pid());
        EXPECT_TRUE(eventually([&] { return open_files(agent) <= files_agent + 8; }, calm))
            << open_files(agent);
#ifndef __SANITIZE_ADDRESS__  // which keeps freed memory in quarantine
        EXPECT_TRUE(eventually([&] {
            return resident_kib(stack.gateway().pid()) < resident_gateway + kSlackKib;
        })) << resident_kib(stack.gateway().pid())
            << " KiB, before " << resident_gateway;
        EXPECT_TRUE(eventually([&] { return resident_kib(agent) < resident_agent + kSlackKib; }))
            << resident_kib(agent) << " KiB, before " << resident_agent;
#endif
    }
    EXPECT_EQ(stack.verify_audit().exit_code, 0);
}

#ifndef __SANITIZE_ADDRESS__  // which keeps freed memory in quarantine
/// Peers that begin a handshake and stop: what the server has made for each is some 50 KiB.
void expect_half_open_handshakes_to_leave_nothing(int port, pid_t server, int held) {
    const long before = resident_kib(server);
    Swarm::Options options;
    options.port = port;
    options.count = kIdle;
    options.words = [hello = client_hello()](int, int turn) { return turn == 0 ? hello : std::string(); };
    auto swarm = std::make_unique<Swarm>(std::move(options));
    EXPECT_TRUE(eventually([&] { return resident_kib(server) > before + held * 20L; })) << resident_kib(server);
    const long most = resident_kib(server);
    swarm.reset();
    const std::chrono::seconds calm(30);
    EXPECT_TRUE(eventually([&] { return resident_kib(server) < 2 * before; }, calm))
        << resident_kib(server) << " KiB, before " << before << ", at the most " << most;
    fmt::print("before {} KiB, with half-open handshakes {}, after {}\n", before, most, resident_kib(server));
}

TEST(Load, HalfOpenHandshakesGiveTheirMemoryBack) {
    StackOptions options;
    options.with_postgres = false;
    Stack stack(options);
    for (int round = 0; round < 2; ++round) {
        expect_half_open_handshakes_to_leave_nothing(stack.gateway_port(), stack.gateway().pid(), kIdle);
        const int ca_port = std::stoi(stack.ca_url().substr(stack.ca_url().rfind(':') + 1));
        // One address has half of the places for strangers at the most.
        expect_half_open_handshakes_to_leave_nothing(ca_port, stack.ca().pid(), 512);
    }
}
#endif

}  // namespace
}  // namespace postern::test

// Protocols that do not say themselves where a stream ends: what was cut off anywhere on the way must not
// look whole at the other end, nor lose what was said last.
#include <netinet/in.h>
#include <sys/socket.h>

#include <atomic>
#include <csignal>
#include <future>
#include <memory>
#include <string>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/unique_fd.hpp"
#include "support/loopback_address.hpp"
#include "support/stack.hpp"

namespace postern::test {
namespace {

/// How a stream ended, as the one sees it who reads it.
struct Heard {
    std::string text;
    bool is_cut_off = false;
};

Heard hear(int fd) {
    Heard heard;
    char block[4096];
    ssize_t got = 0;
    while ((got = ::recv(fd, block, sizeof block, 0)) > 0) {
        heard.text.append(block, static_cast<std::size_t>(got));
    }
    heard.is_cut_off = got < 0;
    return heard;
}

void say(int fd, const std::string& text) {
    ::send(fd, text.data(), text.size(), MSG_NOSIGNAL);
}

void reset(UniqueFd fd) {
    const linger at_once{1, 0};
    ::setsockopt(fd.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

UniqueFd tcp_socket() {
    UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const timeval timeout{20, 0};
    ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
    return fd;
}

/// A raw service behind a gateway, and its port on a laptop.
class CutOff : public testing::Test {
protected:
    static void SetUpTestSuite() {
        listener_ = tcp_socket();
        const sockaddr_in any = loopback(0);
        ASSERT_EQ(::bind(listener_.get(), reinterpret_cast<const sockaddr*>(&any), sizeof any), 0);
        ASSERT_EQ(::listen(listener_.get(), 16), 0);
        sockaddr_in bound{};
        socklen_t size = sizeof bound;
        ::getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&bound), &size);
        StackOptions options;
        options.with_postgres = false;
        options.gateway_tables = fmt::format(
            "[[service]]\nname = \"files\"\nbackend = \"127.0.0.1:{}\"\nprotocol = \"tcp\"\nmode = "
            "\"passthrough\"\n[[rule]]\nservices = [\"files\"]\ngroups = [\"analysts\"]\n",
            ntohs(bound.sin_port));
        stack_ = std::make_unique<Stack>(options);
        alice_ = std::make_unique<Laptop>(*stack_, "alice");
        ASSERT_EQ(alice_->login().exit_code, 0);
        port_ = free_port();
        connect_ = std::make_unique<Process>(
            std::vector<std::string>{program("postern"), "connect", fmt::format("files:{}", port_), "--json"},
            alice_->options());
        connect_->wait_for_out(std::to_string(port_));
    }
    static void TearDownTestSuite() {
        connect_.reset();
        alice_.reset();
        stack_.reset();
        listener_ = UniqueFd();
    }

    /// A client of the laptop's port, and what the service sees of it.
    struct Line {
        UniqueFd client = tcp_socket();
        UniqueFd server;
    };
    static Line open() {
        Line line;
        const sockaddr_in address = loopback(port_);
        EXPECT_EQ(::connect(line.client.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address),
                  0);
        say(line.client.get(), "get");
        line.server = UniqueFd(::accept(listener_.get(), nullptr, nullptr));
        const timeval timeout{20, 0};
        ::setsockopt(line.server.get(), SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
        char asked[3] = {};
        EXPECT_EQ(::recv(line.server.get(), asked, sizeof asked, MSG_WAITALL), 3);
        return line;
    }

    static inline UniqueFd listener_;
    static inline std::unique_ptr<Stack> stack_;
    static inline std::unique_ptr<Laptop> alice_;
    static inline std::unique_ptr<Process> connect_;
    static inline int port_ = 0;
};

TEST_F(CutOff, AnAnswerToItsEndIsWhole) {
    Line line = open();
    say(line.server.get(), "all of it");
    line.server = UniqueFd();
    const Heard heard = hear(line.client.get());
    EXPECT_EQ(heard.text, "all of it");
    EXPECT_FALSE(heard.is_cut_off);
}

TEST_F(CutOff, AnAnswerThatBreaksOffIsNot) {
    Line line = open();
    say(line.server.get(), "half of");
    reset(std::move(line.server));
    const Heard heard = hear(line.client.get());
    EXPECT_EQ(heard.text, "half of");
    EXPECT_TRUE(heard.is_cut_off);
}

TEST_F(CutOff, NorIsOneThatBreaksOffAfterTheQuestionsEnd) {
    Line line = open();
    ::shutdown(line.client.get(), SHUT_WR);
    EXPECT_FALSE(hear(line.server.get()).is_cut_off);
    say(line.server.get(), "half of");
    reset(std::move(line.server));
    const Heard heard = hear(line.client.get());
    EXPECT_EQ(heard.text, "half of");
    EXPECT_TRUE(heard.is_cut_off);
}

TEST_F(CutOff, AnUploadToItsEndIsWhole) {
    Line line = open();
    say(line.client.get(), "all of it");
    line.client = UniqueFd();
    const Heard heard = hear(line.server.get());
    EXPECT_EQ(heard.text, "all of it");
    EXPECT_FALSE(heard.is_cut_off);
}

TEST_F(CutOff, AnUploadThatBreaksOffIsNot) {
    Line line = open();
    say(line.client.get(), "half of");
    char block[7] = {};
    EXPECT_EQ(::recv(line.server.get(), block, sizeof block, MSG_WAITALL), 7);
    reset(std::move(line.client));
    EXPECT_TRUE(hear(line.server.get()).is_cut_off);
}

// As Redis says "max number of clients reached", and PostgreSQL why it ends a COPY: without reading what is
// still coming, so that its socket answers with a reset.
TEST_F(CutOff, WhatAServerSaysLastArrivesThoughItReadsNoMore) {
    for (int i = 0; i < 20; ++i) {
        Line line = open();
        std::atomic<bool> is_over = false;
        auto upload = std::async(std::launch::async, [&, fd = line.client.get()] {
            const std::string block(64 * 1024, 'x');
            while (!is_over && ::send(fd, block.data(), block.size(), MSG_NOSIGNAL) > 0) {
            }
        });
        // It is under way, and more of it is coming.
        char first = 0;
        EXPECT_EQ(::recv(line.server.get(), &first, 1, 0), 1);
        say(line.server.get(), "-ERR");
        line.server = UniqueFd();
        const Heard heard = hear(line.client.get());
        is_over = true;
        ::shutdown(line.client.get(), SHUT_RDWR);
        upload.wait();
        EXPECT_EQ(heard.text, "-ERR") << i;
    }
}

TEST_F(CutOff, NothingIsWholeWhoseGatewayIsKilled) {
    Line line = open();
    stack_->kill_gateway();
    EXPECT_TRUE(hear(line.server.get()).is_cut_off);
    EXPECT_TRUE(hear(line.client.get()).is_cut_off);
    stack_->start_gateway();
}

// The last one: no agent is left.
TEST_F(CutOff, NothingIsWholeWhoseAgentIsKilled) {
    Line line = open();
    ASSERT_EQ(::kill(agent_pid_in(*connect_), SIGKILL), 0);
    EXPECT_TRUE(hear(line.server.get()).is_cut_off);
    EXPECT_TRUE(hear(line.client.get()).is_cut_off);
}

}  // namespace
}  // namespace postern::test

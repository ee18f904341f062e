// A client of the agent's control socket, like the tray.
#pragma once

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstddef>
#include <stdexcept>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "base/json.hpp"
#include "support/stack.hpp"

namespace postern::test {

/// Connects to the agent of a laptop. Every read waits for at most 30 seconds.
class ControlClient {
public:
    explicit ControlClient(const Laptop& laptop) : fd_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        sockaddr_un name{};
        name.sun_family = AF_UNIX;
        laptop.agent_socket().string().copy(name.sun_path, sizeof name.sun_path - 1);
        is_connected_ = ::connect(fd_, reinterpret_cast<const sockaddr*>(&name), sizeof name) == 0;
        const timeval timeout{30, 0};
        ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
    }
    ~ControlClient() { ::close(fd_); }
    ControlClient(const ControlClient&) = delete;
    ControlClient& operator=(const ControlClient&) = delete;

    bool is_connected() const { return is_connected_; }

    /// Sends a request and returns the whole answer; null when none comes.
    nlohmann::json call(const std::string& method, const nlohmann::json& params = nlohmann::json::object()) {
        const int id = ++last_id_;
        const std::string line =
            nlohmann::json{{"jsonrpc", "2.0"}, {"id", id}, {"method", method}, {"params", params}}.dump() +
            "\n";
        EXPECT_EQ(::send(fd_, line.data(), line.size(), MSG_NOSIGNAL), static_cast<ssize_t>(line.size()));
        for (;;) {
            const nlohmann::json message = hear();
            if (message.is_null() || message.value("id", 0) == id) {
                return message;
            }
            notifications_.push_back(message);
        }
    }
    /// Returns the params of the next notification of `method` for which `claim` holds. Fails the test when
    /// none comes.
    template <class Claim>
    nlohmann::json wait_for(const std::string& method, Claim claim) {
        for (;;) {
            for (std::size_t i = 0; i < notifications_.size(); ++i) {
                if (notifications_[i].value("method", "") == method && claim(notifications_[i]["params"])) {
                    const nlohmann::json found = notifications_[i]["params"];
                    notifications_.erase(notifications_.begin() + static_cast<std::ptrdiff_t>(i));
                    return found;
                }
            }
            const nlohmann::json message = hear();
            if (message.is_null()) {
                ADD_FAILURE() << "no notification " << method;
                return {};
            }
            notifications_.push_back(message);
        }
    }

private:
    nlohmann::json hear() {
        std::string line;
        char byte = 0;
        while (::recv(fd_, &byte, 1, 0) == 1 && byte != '\n') {
            line += byte;
        }
        auto told = line.empty() ? nlohmann::json() : parse_json(line);
        if (told.is_discarded()) {
            throw std::runtime_error("the agent's answer is no JSON: " + line);
        }
        return told;
    }

    int fd_;
    bool is_connected_ = false;
    int last_id_ = 0;
    std::vector<nlohmann::json> notifications_;
};

}  // namespace postern::test

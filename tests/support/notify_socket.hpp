// Reads what a program tells the service manager (sd_notify(3)), in the manager's place.
#pragma once

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <array>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <string_view>

#include "base/unique_fd.hpp"

namespace postern::test {

/// The socket that NOTIFY_SOCKET names in a program's environment.
class NotifySocket {
public:
    explicit NotifySocket(const std::filesystem::path& path)
        : socket_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        const std::string text = path.string();
        if (!socket_ || text.size() >= sizeof(address.sun_path)) {
            throw std::runtime_error("no socket for " + text);
        }
        text.copy(address.sun_path, text.size());
        if (::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
            throw std::runtime_error("cannot bind " + text);
        }
    }

    /// Reads until a message holds the text. Returns false when twenty seconds bring no message.
    bool is_told(std::string_view text) const {
        pollfd readable{socket_.get(), POLLIN, 0};
        while (::poll(&readable, 1, 20'000) > 0) {
            std::array<char, 4096> message{};
            const ssize_t got = ::recv(socket_.get(), message.data(), message.size(), 0);
            if (got > 0 && std::string_view(message.data(), static_cast<std::size_t>(got)).find(text) !=
                               std::string_view::npos) {
                return true;
            }
        }
        return false;
    }

private:
    UniqueFd socket_;
};

}  // namespace postern::test

// The addresses that tests bind and connect their own sockets to.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdint>
#include <stdexcept>
#include <string>

namespace postern::test {

/// `port` at an IPv4 address, by default the loopback's; port 0 lets the kernel choose one (bind(2)). Throws
/// std::invalid_argument when `host` is no IPv4 address.
inline sockaddr_in loopback(int port, const std::string& host = "127.0.0.1") {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    if (::inet_pton(AF_INET, host.c_str(), &address.sin_addr) != 1) {
        throw std::invalid_argument("no IPv4 address: " + host);
    }
    return address;
}

}  // namespace postern::test

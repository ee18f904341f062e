#include "client-proxy/platform/network_watch.hpp"

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <optional>

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>

#include "net/await.hpp"

namespace postern::client {

namespace asio = boost::asio;

namespace {

/// More addresses than machines have. Each address beyond this limit counts as a change.
constexpr std::size_t kMost = 4096;
/// Changes rarely come alone, so further ones are awaited for this long.
constexpr std::chrono::milliseconds kSettle{100};

template <class T>
std::optional<T> read(std::string_view bytes) {
    T value{};
    if (bytes.size() < sizeof value) {
        return std::nullopt;
    }
    std::memcpy(&value, bytes.data(), sizeof value);
    return value;
}

}  // namespace

bool NetworkState::take(std::string_view messages) {
    bool is_change = false;
    while (const auto header = read<nlmsghdr>(messages)) {
        if (header->nlmsg_len < NLMSG_HDRLEN || header->nlmsg_len > messages.size()) {
            break;
        }
        const std::string_view payload = messages.substr(NLMSG_HDRLEN, header->nlmsg_len - NLMSG_HDRLEN);
        switch (header->nlmsg_type) {
            case RTM_NEWADDR:
            case RTM_DELADDR:
                is_change = take_address(payload, header->nlmsg_type == RTM_DELADDR) || is_change;
                break;
            case RTM_NEWLINK:
            case RTM_DELLINK:
                is_change = take_link(payload, header->nlmsg_type == RTM_DELLINK) || is_change;
                break;
            default:
                break;
        }
        messages.remove_prefix(std::min<std::size_t>(NLMSG_ALIGN(header->nlmsg_len), messages.size()));
    }
    return is_change;
}

bool NetworkState::take_address(std::string_view payload, bool has_gone) {
    const auto about = read<ifaddrmsg>(payload);
    if (!about) {
        return false;
    }
    payload.remove_prefix(std::min<std::size_t>(NLMSG_ALIGN(sizeof *about), payload.size()));
    std::string address;
    while (const auto attribute = read<rtattr>(payload)) {
        if (attribute->rta_len < sizeof *attribute || attribute->rta_len > payload.size()) {
            break;
        }
        // IFA_LOCAL is the local address of a point-to-point link; on other links both attributes are equal.
        if (attribute->rta_type == IFA_LOCAL || (attribute->rta_type == IFA_ADDRESS && address.empty())) {
            address = payload.substr(RTA_LENGTH(0), attribute->rta_len - RTA_LENGTH(0));
        }
        payload.remove_prefix(std::min<std::size_t>(RTA_ALIGN(attribute->rta_len), payload.size()));
    }
    std::pair<unsigned, std::string> key(about->ifa_index, std::move(address));
    if (has_gone) {
        addresses_.erase(key);
        return true;
    }
    return addresses_.size() >= kMost || addresses_.insert(std::move(key)).second;
}

bool NetworkState::take_link(std::string_view payload, bool has_gone) {
    const auto about = read<ifinfomsg>(payload);
    if (!about) {
        return false;
    }
    const auto index = static_cast<unsigned>(about->ifi_index);
    const bool carries = !has_gone && (about->ifi_flags & IFF_RUNNING) != 0;
    const auto found = links_.find(index);
    if (found == links_.end()) {
        if (links_.size() < kMost) {
            links_.emplace(index, carries);
        }
        return true;
    }
    const bool is_change = found->second != carries;
    found->second = carries;
    if (has_gone) {
        links_.erase(found);
    }
    return is_change;
}

Result<UniqueFd> open_network_messages() {
    UniqueFd fd(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE));
    sockaddr_nl address{};
    address.nl_family = AF_NETLINK;
    address.nl_groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR;
    if (!fd || ::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
        return Failure{Code::io_failed, std::string("rtnetlink: ") + std::strerror(errno)};
    }
    return fd;
}

asio::awaitable<void> watch_network(UniqueFd messages, std::function<void()> on_change) {
    const auto executor = co_await asio::this_coro::executor;
    const int fd = messages.get();
    asio::posix::stream_descriptor descriptor(executor, messages.release());
    asio::steady_timer settle(executor);
    NetworkState state;
    for (;;) {
        auto [error] = co_await descriptor.async_wait(asio::posix::descriptor_base::wait_read, net::kAwait);
        if (error) {
            co_return;
        }
        settle.expires_after(kSettle);
        co_await settle.async_wait(net::kAwait);
        bool is_change = false;
        alignas(nlmsghdr) std::array<char, 16384> block{};
        for (;;) {
            const ssize_t got = ::recv(fd, block.data(), block.size(), 0);
            if (got > 0) {
                is_change = state.take({block.data(), static_cast<std::size_t>(got)}) || is_change;
            } else if (got < 0 && errno == ENOBUFS) {
                // The kernel dropped messages, which may have reported a change.
                is_change = true;
            } else {
                break;
            }
        }
        if (is_change) {
            on_change();
        }
    }
}

}  // namespace postern::client

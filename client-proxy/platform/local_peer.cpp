#include "client-proxy/platform/local_peer.hpp"

#include <arpa/inet.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <sstream>
#include <string>

#include <fmt/format.h>

#include "base/unique_fd.hpp"

namespace postern::client {

namespace {

/// A socket without an inode has no owner any more, because its process closed it or ended; the kernel shows
/// it as root's.
std::optional<LocalPeer> owned(uid_t uid, std::uint64_t inode) {
    if (inode == 0) {
        return std::nullopt;
    }
    return LocalPeer{uid, inode, 0};
}

struct Ends {
    int family = 0;
    /// The address and port of the peer, then of this end, in network byte order as the kernel stores them.
    std::array<std::uint32_t, 4> peer{};
    std::uint16_t peer_port = 0;
    std::array<std::uint32_t, 4> own{};
    std::uint16_t own_port = 0;
};

void take(const sockaddr_storage& from, std::array<std::uint32_t, 4>& address, std::uint16_t& port) {
    if (from.ss_family == AF_INET) {
        sockaddr_in in{};
        std::memcpy(&in, &from, sizeof in);
        address[0] = in.sin_addr.s_addr;
        port = in.sin_port;
    } else {
        sockaddr_in6 in{};
        std::memcpy(&in, &from, sizeof in);
        std::memcpy(address.data(), &in.sin6_addr, sizeof in.sin6_addr);
        port = in.sin6_port;
    }
}

std::optional<Ends> ends_of(int fd) {
    sockaddr_storage own{};
    sockaddr_storage peer{};
    socklen_t own_size = sizeof own;
    socklen_t peer_size = sizeof peer;
    if (::getsockname(fd, reinterpret_cast<sockaddr*>(&own), &own_size) != 0 ||
        ::getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &peer_size) != 0 ||
        own.ss_family != peer.ss_family || (own.ss_family != AF_INET && own.ss_family != AF_INET6)) {
        return std::nullopt;
    }
    Ends ends;
    ends.family = own.ss_family;
    take(peer, ends.peer, ends.peer_port);
    take(own, ends.own, ends.own_port);
    return ends;
}

/// Asks sock_diag(7) for exactly this connection, as the peer's socket sees it. The netlink socket is kept
/// for each thread, because creating one takes longer than the request.
std::optional<LocalPeer> ask_kernel(const Ends& ends) {
    thread_local UniqueFd netlink;
    thread_local std::uint32_t number = 0;
    if (!netlink) {
        netlink = UniqueFd(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG));
    }
    if (!netlink) {
        return std::nullopt;
    }
    struct {
        nlmsghdr header;
        inet_diag_req_v2 request;
    } question{};
    question.header.nlmsg_len = sizeof question;
    question.header.nlmsg_seq = ++number;
    question.header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
    question.header.nlmsg_flags = NLM_F_REQUEST;
    question.request.sdiag_family = static_cast<std::uint8_t>(ends.family);
    question.request.sdiag_protocol = IPPROTO_TCP;
    question.request.idiag_states = 1U << TCP_ESTABLISHED;
    question.request.id.idiag_sport = ends.peer_port;
    question.request.id.idiag_dport = ends.own_port;
    std::memcpy(question.request.id.idiag_src, ends.peer.data(), sizeof ends.peer);
    std::memcpy(question.request.id.idiag_dst, ends.own.data(), sizeof ends.own);
    question.request.id.idiag_cookie[0] = INET_DIAG_NOCOOKIE;
    question.request.id.idiag_cookie[1] = INET_DIAG_NOCOOKIE;
    // The kernel has answered when send() returns.
    alignas(nlmsghdr) std::array<char, 4096> answer{};
    nlmsghdr header{};
    ssize_t got = 0;
    const bool is_asked =
        ::send(netlink.get(), &question, sizeof question, 0) == static_cast<ssize_t>(sizeof question);
    if (is_asked) {
        got = ::recv(netlink.get(), answer.data(), answer.size(), MSG_DONTWAIT);
        std::memcpy(&header, answer.data(), sizeof header);
    }
    // An answer to another request must never be taken for this one's.
    if (!is_asked || got < static_cast<ssize_t>(sizeof header) || header.nlmsg_seq != number) {
        netlink = UniqueFd();
        return std::nullopt;
    }
    if (header.nlmsg_type != SOCK_DIAG_BY_FAMILY ||
        got < static_cast<ssize_t>(NLMSG_LENGTH(sizeof(inet_diag_msg)))) {
        return std::nullopt;
    }
    inet_diag_msg message{};
    std::memcpy(&message, answer.data() + NLMSG_HDRLEN, sizeof message);
    return owned(message.idiag_uid, message.idiag_inode);
}

std::string proc_form(const Ends& ends, const std::array<std::uint32_t, 4>& address, std::uint16_t port) {
    std::string text;
    for (std::size_t i = 0; i < (ends.family == AF_INET ? 1U : 4U); ++i) {
        text += fmt::format("{:08X}", address[i]);
    }
    return text + fmt::format(":{:04X}", ntohs(port));
}

/// Reads /proc/net/tcp (proc(5)) where sock_diag(7) is not available.
std::optional<LocalPeer> ask_proc(const Ends& ends) {
    const std::string wanted_local = proc_form(ends, ends.peer, ends.peer_port);
    const std::string wanted_remote = proc_form(ends, ends.own, ends.own_port);
    std::ifstream table(ends.family == AF_INET ? "/proc/net/tcp" : "/proc/net/tcp6");
    for (std::string line; std::getline(table, line);) {
        std::istringstream fields(line);
        std::string slot;
        std::string local;
        std::string remote;
        std::string ignored;
        uid_t uid = 0;
        fields >> slot >> local >> remote;
        if (local != wanted_local || remote != wanted_remote) {
            continue;
        }
        std::uint64_t inode = 0;
        if (fields >> ignored >> ignored >> ignored >> ignored >> uid >> ignored >> inode) {
            return owned(uid, inode);
        }
    }
    return std::nullopt;
}

}  // namespace

std::optional<LocalPeer> local_peer(int fd) {
    ucred peer{};
    socklen_t size = sizeof peer;
    int family = 0;
    socklen_t family_size = sizeof family;
    if (::getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &family_size) == 0 && family == AF_UNIX) {
        if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) {
            return std::nullopt;
        }
        return LocalPeer{peer.uid, 0, peer.pid};
    }
    const auto ends = ends_of(fd);
    if (!ends) {
        return std::nullopt;
    }
    const auto found = ask_kernel(*ends);
    return found ? found : ask_proc(*ends);
}

bool is_own_user(const LocalPeer& peer) {
    return peer.uid == ::geteuid() || peer.uid == 0;
}

}  // namespace postern::client

// Finds out whose process is at the other end of a loopback connection. A port on localhost is open to every
// user of the machine, but a login belongs to one.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>

namespace postern::client {

struct LocalPeer {
    uid_t uid = 0;
    /// The inode of the peer's socket; 0 when it is not known.
    std::uint64_t inode = 0;
    /// 0 when the kernel does not tell it, as for TCP.
    pid_t pid = 0;
};

/// The owner of the peer's socket, as the kernel tells it: by SO_PEERCRED for a Unix socket, and by
/// sock_diag(7) or else /proc/net/tcp for TCP. No value when the kernel does not tell it, when the peer is
/// not on this machine, or when the peer has already closed its socket, because then it could have been
/// anybody's.
std::optional<LocalPeer> local_peer(int fd);

/// Whether the peer belongs to this process's user or to root.
bool is_own_user(const LocalPeer& peer);

}  // namespace postern::client

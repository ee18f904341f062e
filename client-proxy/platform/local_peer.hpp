// Whose process is at the other end of a loopback connection. A port on localhost is open to every user of
// the machine; a login is for one.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>

namespace postern::client {

struct LocalPeer {
    uid_t uid = 0;
    /// Of its socket; 0 when it is not known.
    std::uint64_t inode = 0;
    /// 0 when the kernel does not say (TCP).
    pid_t pid = 0;
};

/// Who owns the peer's socket, as the kernel says (SO_PEERCRED for a Unix socket; sock_diag, else
/// /proc/net/tcp for TCP); nothing when it does not say, when the peer is not on this machine, or has already
/// closed its socket: then it was anybody's.
std::optional<LocalPeer> local_peer(int fd);

/// Whether that is this process's user, or root.
bool is_own_user(const LocalPeer& peer);

}  // namespace postern::client

// Whose process is at the other end of a loopback connection. A port on localhost is open to every user of
// the machine; a login is for one.
#pragma once

#include <sys/types.h>

#include <optional>

namespace postern::client {

/// The user that owns the peer's socket, as the kernel says (sock_diag, else /proc/net/tcp); nothing when it
/// does not say, or when the peer is not on this machine.
std::optional<uid_t> owner_of_peer(int fd);

/// Whether that is this process's user, or root.
bool is_peer_own_user(int fd);

}  // namespace postern::client

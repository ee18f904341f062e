// What every program of the project asks of its own process before it touches a secret or a socket.
#pragma once

#include <string_view>

namespace postern {

/// No core dumps and no ptrace by other processes of the user (PR_SET_DUMPABLE), umask 077, SIGPIPE ignored,
/// the soft limit of open files raised to the hard one. Call first in main(), before any thread.
void harden_process() noexcept;

/// The project's version, for --version and the HTTP Server and User-Agent fields.
std::string_view version() noexcept;

}  // namespace postern

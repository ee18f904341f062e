// What every program of the project asks of its own process before it touches a secret or a socket.
#pragma once

#include <sys/resource.h>
#include <sys/types.h>

#include <string_view>

namespace postern {

/// What a process was started with, and a program that it runs is to have again.
struct Inherited {
    mode_t umask = 022;
    rlimit core{};
    rlimit files{};

    /// For a child between fork and exec; SIGPIPE as well.
    void give_back() const noexcept;
};

/// No core dumps and no ptrace by other processes of the user (PR_SET_DUMPABLE), umask 077, SIGPIPE ignored,
/// the soft limit of open files raised to the hard one. Call first in main(), before any thread.
Inherited harden_process() noexcept;

/// Whether the signal is ignored: SIGHUP by nohup(1), to begin with.
bool is_ignored(int signal) noexcept;

/// The project's version, for --version and the HTTP Server and User-Agent fields.
std::string_view version() noexcept;

}  // namespace postern

// Settings that every program of the project applies to its own process before it handles a secret or a
// socket.
#pragma once

#include <sys/resource.h>
#include <sys/types.h>

#include <string_view>

namespace postern {

/// The settings that a process was started with, and that a program which it runs must get back.
struct Inherited {
    mode_t umask = 022;
    rlimit core{};
    rlimit files{};

    /// Restores the settings, and the default action of SIGPIPE, in a child between fork and exec.
    void give_back() const noexcept;
};

/// Disables core dumps and ptrace by other processes of the user (PR_SET_DUMPABLE), sets umask 077, ignores
/// SIGPIPE, and raises the soft limit of open files to the hard one. Call it first in main(), before any
/// thread is started.
Inherited harden_process() noexcept;

/// Whether the signal is ignored, as SIGHUP is in a program that nohup(1) started.
bool is_ignored(int signal) noexcept;

/// The project's version, for --version and the HTTP Server and User-Agent fields.
std::string_view version() noexcept;

}  // namespace postern

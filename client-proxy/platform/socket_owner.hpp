// Which program has a socket, as far as this user may see it (proc(5)), and who listens on a port
// (sock_diag(7)).
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace postern::client {

struct LocalProgram {
    /// 0: not known; somebody else's process, or it has gone.
    pid_t pid = 0;
    uid_t uid = 0;
    /// The executable's path; empty when it is not known.
    std::string path;
    /// Of its socket, by which the process can be found; 0 when it is not known.
    std::uint64_t inode = 0;

    /// "psql (pid 4711)", "uid 33".
    std::string text() const;
    /// What the gateway is told, to be recorded as a claim: "pid=4711, uid=1000, program=/usr/bin/psql"
    /// (percent-encoded, at most 256 bytes of path). Empty when nothing is known.
    std::string claims() const;
};

/// The path of the process's executable; empty when it is not known.
std::string executable_of(pid_t pid);

/// Whether one of the names is the path, or its last part.
bool is_program_named(const std::vector<std::string>& names, const std::string& path);

/// Finds the process that has a socket by its inode. Looks first where it found one before: a connection pool
/// opens one socket after another. Not thread-safe.
class ProgramFinder {
public:
    /// Looks at no more than `budget` descriptors of processes.
    pid_t find(std::uint64_t inode, uid_t uid, std::size_t budget);

private:
    struct Found {
        pid_t pid = 0;
        int fd = 0;
    };
    static bool look_near(Found& place, const std::string& wanted);
    bool look_into(pid_t pid, const std::string& wanted, std::size_t& budget);

    Found last_;
};

/// Looks for the process of a program of which only the socket is known. `budget`: descriptors that are looked at.
void find_program(LocalProgram& program, ProgramFinder& programs, std::size_t budget);
/// The same within milliseconds, where it has not been found yet. To be asked for a client that has said what it wants, and not before:
/// it may cost thousands of system calls, and silent clients come by the hundred.
void find_program(LocalProgram& program, ProgramFinder& programs);

/// Who listens on the TCP port of the loopback (or of every address); nothing when nobody does.
std::optional<LocalProgram> listener_on(unsigned short port);

}  // namespace postern::client

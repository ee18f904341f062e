// Finds the program that owns a socket, as far as this user may see it (proc(5)), and the program that
// listens on a port (sock_diag(7)).
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace postern::client {

struct LocalProgram {
    /// 0 when it is not known, because the process belongs to another user or has ended.
    pid_t pid = 0;
    uid_t uid = 0;
    /// The path of the executable; empty when it is not known.
    std::string path;
    /// The inode of its socket, by which the process can be found; 0 when it is not known.
    std::uint64_t inode = 0;

    /// For people: "psql (pid 4711)", or the owner when the process is not known: "a process of alice", "uid
    /// 33".
    std::string text() const;
    /// For the gateway, which records it as a claim: "pid=4711, uid=1000, program=/usr/bin/psql"
    /// (percent-encoded, at most 256 bytes of the path). Empty when the process is not known.
    std::string claims() const;
};

/// Returns the path of the executable; empty when it is not known.
std::string executable_of(pid_t pid);

/// Whether one of the names is the path or its last component.
bool is_program_named(const std::vector<std::string>& names, const std::string& path);

/// Finds the process that has a socket, by the socket's inode. It looks first where it found the last one,
/// because a connection pool opens one socket after another. Not thread-safe.
class ProgramFinder {
public:
    /// Returns the process, or 0 when it was not found. It examines at most `budget` descriptors of
    /// processes.
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

/// Fills in the process and path of a program of which only the socket is known. It examines at most `budget`
/// descriptors.
void find_program(LocalProgram& program, ProgramFinder& programs, std::size_t budget);
/// The same with a budget of some milliseconds, if the program is not known yet. It is called only for a
/// client that has sent its first packet: the search may cost thousands of system calls, and silent clients
/// may come by the hundred.
void find_program(LocalProgram& program, ProgramFinder& programs);

/// The program that listens on the TCP port of the loopback or of all addresses; no value when none does.
std::optional<LocalProgram> listener_on(unsigned short port);

}  // namespace postern::client

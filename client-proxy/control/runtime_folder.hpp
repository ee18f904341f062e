// The place where the running agent is found: a folder that only this user can access, the lock that makes
// sure that there is one agent, and the agent's socket.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "net/listener.hpp"

namespace postern::client::control {

class RuntimeFolder {
public:
    /// Opens the first usable folder of $XDG_RUNTIME_DIR/postern, /run/user/<uid>/postern,
    /// $RUNTIME_DIRECTORY/postern, and `run` in the profile's folder, which no other user can create. It
    /// creates the folder. A candidate is passed over when its parent belongs to neither this user nor root
    /// (a variable that was inherited through `su`), or when it belongs to another user, is a symbolic link,
    /// or is accessible to others. Errors: Code::config_invalid when none is left.
    static Result<RuntimeFolder> open();

    const std::filesystem::path& path() const noexcept { return path_; }
    std::filesystem::path socket() const { return path_ / "agent.sock"; }
    /// The first candidate that could not be used, and why; empty when the first one was usable.
    const std::string& passed_over() const noexcept { return passed_over_; }
    /// Whether clients try this folder before the other one.
    bool comes_before(const RuntimeFolder& other) const noexcept { return rank_ < other.rank_; }

private:
    RuntimeFolder(std::filesystem::path path, std::size_t rank, std::string passed_over)
        : path_(std::move(path)), rank_(rank), passed_over_(std::move(passed_over)) {}
    std::filesystem::path path_;
    std::size_t rank_;
    std::string passed_over_;
};

/// The right to be the one agent of this user. The kernel releases it (flock(2)) when the object is destroyed
/// or the process ends.
class AgentSeat {
public:
    /// Errors: Code::already_exists while another agent has it; Code::io_failed.
    static Result<AgentSeat> take(const RuntimeFolder& folder);

    /// Binds the agent's socket, and replaces one that a dead agent left. The first time it adopts the socket
    /// that systemd opened, if there is one (sd_listen_fds(3)).
    Result<net::Listener> listen();
    /// Whether the socket's path still leads to this agent. If it does not, no client can reach the agent.
    bool is_reachable() const;
    /// Whether the folder's lock file is the one that this object holds.
    bool is_of(const RuntimeFolder& folder) const;

private:
    AgentSeat(std::filesystem::path socket, UniqueFd lock)
        : socket_(std::move(socket)), lock_(std::move(lock)) {}
    std::filesystem::path socket_;
    UniqueFd lock_;
    std::uint64_t inode_ = 0;
};

}  // namespace postern::client::control

// Where the running agent is found: a folder for this user alone, the lock that says there is one agent, and
// its socket.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "net/listener.hpp"

namespace postern::client::control {

class RuntimeFolder {
public:
    /// $XDG_RUNTIME_DIR/postern; without one /run/user/<uid>/postern where that is, else
    /// $RUNTIME_DIRECTORY/postern, else the folder `run` of the profile. Makes it. Code::config_invalid when
    /// it is another user's or others may look into it.
    static Result<RuntimeFolder> open();

    const std::filesystem::path& path() const noexcept { return path_; }
    std::filesystem::path socket() const { return path_ / "agent.sock"; }

private:
    explicit RuntimeFolder(std::filesystem::path path) : path_(std::move(path)) {}
    std::filesystem::path path_;
};

/// Being the one agent of this user: held as long as it lives, given back by the kernel whatever happens.
class AgentSeat {
public:
    /// Code::already_exists while another agent has it.
    static Result<AgentSeat> take(const RuntimeFolder& folder);

    /// Binds the socket, in place of what a dead agent left; or takes over the one that systemd opened
    /// (LISTEN_FDS).
    Result<net::Listener> listen();
    /// Whether the socket's path still leads to this agent. When not, nobody can reach it.
    bool is_reachable() const;

private:
    AgentSeat(std::filesystem::path socket, UniqueFd lock)
        : socket_(std::move(socket)), lock_(std::move(lock)) {}
    std::filesystem::path socket_;
    UniqueFd lock_;
    std::uint64_t inode_ = 0;
};

}  // namespace postern::client::control

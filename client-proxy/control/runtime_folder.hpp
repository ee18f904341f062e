// Where the running agent is found: a folder for this user alone, the lock that says there is one agent, and
// its socket.
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
    /// The first that can be used of: $XDG_RUNTIME_DIR/postern, /run/user/<uid>/postern,
    /// $RUNTIME_DIRECTORY/postern, and the folder `run` of the profile, which nobody else can make. Makes it.
    /// One of a folder that belongs to another user (a variable that was inherited with `su`) is passed over,
    /// and one that is another user's, a link, or open to others. Code::config_invalid when none is left.
    static Result<RuntimeFolder> open();

    const std::filesystem::path& path() const noexcept { return path_; }
    std::filesystem::path socket() const { return path_ / "agent.sock"; }
    /// Which one would have come first, and why it cannot be used; empty when this is the first.
    const std::string& passed_over() const noexcept { return passed_over_; }
    /// Whether clients look here before they look there.
    bool comes_before(const RuntimeFolder& other) const noexcept { return rank_ < other.rank_; }

private:
    RuntimeFolder(std::filesystem::path path, std::size_t rank, std::string passed_over)
        : path_(std::move(path)), rank_(rank), passed_over_(std::move(passed_over)) {}
    std::filesystem::path path_;
    std::size_t rank_;
    std::string passed_over_;
};

/// Being the one agent of this user: held as long as it lives, given back by the kernel whatever happens.
class AgentSeat {
public:
    /// Code::already_exists while another agent has it.
    static Result<AgentSeat> take(const RuntimeFolder& folder);

    /// Binds the socket, in place of what a dead agent left; or, the first time, takes over the one that
    /// systemd opened (LISTEN_FDS).
    Result<net::Listener> listen();
    /// Whether the socket's path still leads to this agent. When not, nobody can reach it.
    bool is_reachable() const;
    /// Whether the lock in that folder is the one that is held.
    bool is_of(const RuntimeFolder& folder) const;

private:
    AgentSeat(std::filesystem::path socket, UniqueFd lock)
        : socket_(std::move(socket)), lock_(std::move(lock)) {}
    std::filesystem::path socket_;
    UniqueFd lock_;
    std::uint64_t inode_ = 0;
};

}  // namespace postern::client::control

#include "client-proxy/control/runtime_folder.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <systemd/sd-daemon.h>

#include "base/file.hpp"
#include "client-proxy/config/profile.hpp"
#include "client-proxy/platform/user_folders.hpp"

namespace postern::client::control {

namespace {

namespace fs = std::filesystem;

/// The rank of the folder in the profile, which comes last.
constexpr std::size_t kLastResort = 100;

Failure unusable(const fs::path& path, std::string_view why) {
    return {Code::config_invalid, fmt::format("{} cannot be used: {}", path.string(), why)};
}

/// The parent folder must belong to this user or to root, because its owner can replace the folder in it.
Result<void> check_owner(const fs::path& place) {
    struct stat info {};
    if (::stat(place.c_str(), &info) != 0) {
        return unusable(place, std::strerror(errno));
    }
    if (info.st_uid != ::geteuid() && info.st_uid != 0) {
        return unusable(place, fmt::format("it belongs to another user (uid {})", info.st_uid));
    }
    return {};
}

Result<void> make_in(const fs::path& place, const fs::path& folder) {
    if (auto made = create_directory(place, 0700); !made) {
        return unusable(place, made.error().detail);
    }
    if (auto checked = check_owner(place); !checked) {
        return checked;
    }
    if (auto made = create_directory(folder, 0700); !made) {
        return unusable(folder, made.error().detail);
    }
    struct stat info {};
    if (::lstat(folder.c_str(), &info) != 0) {
        return unusable(folder, std::strerror(errno));
    }
    if (!S_ISDIR(info.st_mode)) {
        return unusable(folder, "it is no folder");
    }
    if (info.st_uid != ::geteuid()) {
        return unusable(folder, fmt::format("it belongs to another user (uid {})", info.st_uid));
    }
    if ((info.st_mode & 0077) != 0) {
        return unusable(folder, fmt::format("others may look into it (mode {:04o})", info.st_mode & 07777U));
    }
    if (::access(folder.c_str(), W_OK | X_OK) != 0) {
        return unusable(folder, std::strerror(errno));
    }
    return {};
}

}  // namespace

Result<RuntimeFolder> RuntimeFolder::open() {
    std::string passed_over;
    const auto candidates = runtime_places();
    for (std::size_t rank = 0; rank < candidates.size(); ++rank) {
        const fs::path& place = candidates[rank];
        const auto made = make_in(place, place / "postern");
        if (made) {
            return RuntimeFolder(place / "postern", rank, std::move(passed_over));
        }
        passed_over = passed_over.empty() ? made.error().detail : passed_over;
    }
    const auto state = ProfileFolder::default_path();
    const auto made = state ? make_in(*state, *state / "run") : Result<void>(state.error());
    if (made) {
        return RuntimeFolder(*state / "run", kLastResort, std::move(passed_over));
    }
    return Failure{Code::config_invalid, passed_over.empty()
                                             ? made.error().detail
                                             : fmt::format("{}; {}", passed_over, made.error().detail)};
}

Result<AgentSeat> AgentSeat::take(const RuntimeFolder& folder) {
    const fs::path file = folder.path() / "agent.lock";
    UniqueFd lock(::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    if (!lock) {
        return Failure{Code::io_failed,
                       fmt::format("cannot open {}: {}", file.string(), std::strerror(errno))};
    }
    if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
        return Failure{Code::already_exists, "an agent runs already"};
    }
    return AgentSeat(folder.socket(), std::move(lock));
}

Result<net::Listener> AgentSeat::listen() {
    const auto note_inode = [this] {
        struct stat info {};
        inode_ = ::stat(socket_.c_str(), &info) == 0 ? info.st_ino : 0;
    };
    if (::sd_listen_fds(1) > 0) {
        note_inode();
        return net::Listener::adopt(SD_LISTEN_FDS_START);
    }
    // Only the holder of the lock binds this socket, so one that exists was left by a dead agent.
    ::unlink(socket_.c_str());
    net::Address address;
    address.host = socket_.string();
    address.is_unix = true;
    auto bound = net::Listener::bind(address);
    if (bound) {
        note_inode();
    }
    return bound;
}

bool AgentSeat::is_of(const RuntimeFolder& folder) const {
    struct stat own {};
    struct stat there {};
    return ::fstat(lock_.get(), &own) == 0 && ::stat((folder.path() / "agent.lock").c_str(), &there) == 0 &&
           own.st_ino == there.st_ino && own.st_dev == there.st_dev;
}

bool AgentSeat::is_reachable() const {
    struct stat info {};
    return ::stat(socket_.c_str(), &info) == 0 && info.st_ino == inode_;
}

}  // namespace postern::client::control

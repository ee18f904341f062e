#include "client-proxy/control/runtime_folder.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <utility>

#include <fmt/format.h>
#include <systemd/sd-daemon.h>

#include "client-proxy/login/profile.hpp"

namespace postern::client::control {

namespace {

namespace fs = std::filesystem;

Result<fs::path> where() {
    const char* const given = std::getenv("XDG_RUNTIME_DIR");
    if (given != nullptr && fs::path(given).is_absolute()) {
        return fs::path(given) / "postern";
    }
    const fs::path usual = fmt::format("/run/user/{}", ::geteuid());
    std::error_code ignored;
    if (fs::is_directory(usual, ignored)) {
        return usual / "postern";
    }
    // Of a system service; the folder in it is for this user alone whatever RuntimeDirectoryMode= says.
    const char* const service = std::getenv("RUNTIME_DIRECTORY");
    if (service != nullptr && fs::path(service).is_absolute()) {
        return fs::path(std::string_view(service).substr(0, std::string_view(service).find(':'))) / "postern";
    }
    auto state = ProfileFolder::default_path();
    if (!state) {
        return state.error();
    }
    return *state / "run";
}

}  // namespace

Result<RuntimeFolder> RuntimeFolder::open() {
    auto path = where();
    if (!path) {
        return path.error();
    }
    // The same demands as on the profile's folder.
    auto checked = ProfileFolder::open(*path);
    if (!checked) {
        return checked.error();
    }
    return RuntimeFolder(*std::move(path));
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
    // Nobody but the holder of the lock binds here, so that what is there is a dead agent's.
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

bool AgentSeat::is_reachable() const {
    struct stat info {};
    return ::stat(socket_.c_str(), &info) == 0 && info.st_ino == inode_;
}

}  // namespace postern::client::control

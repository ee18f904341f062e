#include "ca-service/commands/init_marker.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include <fmt/format.h>

#include "base/file.hpp"

namespace postern::ca::commands {

namespace {

namespace fs = std::filesystem;

constexpr const char* kMarker = ".init-unfinished";

Failure failed(std::string_view what, const fs::path& path) {
    return Failure{Code::io_failed, fmt::format("{} {}: {}", what, path.string(), std::strerror(errno))};
}

Result<void> sync_folder(const fs::path& directory) {
    const UniqueFd fd(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!fd || ::fsync(fd.get()) != 0) {
        return failed("cannot sync", directory);
    }
    return {};
}

}  // namespace

bool is_init_unfinished(const fs::path& directory) {
    std::error_code error;
    return fs::exists(directory / kMarker, error);
}

Result<InitMarker> InitMarker::begin(const fs::path& directory) {
    std::error_code error;
    if (fs::exists(directory / "state.db", error) && !is_init_unfinished(directory)) {
        return Failure{Code::already_exists, fmt::format("there is a CA in {} already", directory.string())};
    }
    if (auto created = create_directory(directory, 0700); !created) {
        return created.error();
    }
    const bool is_empty = fs::is_empty(directory, error);
    if (error) {
        return Failure{Code::io_failed,
                       fmt::format("cannot look into {}: {}", directory.string(), error.message())};
    }
    if (!is_empty && !is_init_unfinished(directory)) {
        return Failure{Code::already_exists, fmt::format("{} is not empty", directory.string())};
    }
    const fs::path marker = directory / kMarker;
    UniqueFd lock(::open(marker.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!lock) {
        return failed("cannot create", marker);
    }
    if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
        return Failure{Code::already_exists,
                       fmt::format("another init is at work in {}", directory.string())};
    }
    // The other `init` may have finished, and removed the marker, between open and lock.
    struct stat mine {};
    struct stat there {};
    if (::fstat(lock.get(), &mine) != 0 || ::stat(marker.c_str(), &there) != 0 ||
        mine.st_ino != there.st_ino) {
        return Failure{Code::already_exists,
                       fmt::format("another init was at work in {}", directory.string())};
    }
    if (::chmod(directory.c_str(), 0700) != 0) {
        return failed("cannot close to others", directory);
    }
    // An interrupted `init` left these files. No certificate of it was ever handed out.
    for (const fs::directory_entry& entry : fs::directory_iterator(directory, error)) {
        if (entry.path().filename() != kMarker) {
            std::error_code ignored;
            fs::remove(entry.path(), ignored);
        }
    }
    if (auto synced = sync_folder(directory); !synced) {
        return synced.error();
    }
    return InitMarker(directory, std::move(lock));
}

Result<void> InitMarker::finish() {
    if (auto synced = sync_folder(directory_); !synced) {
        return synced;
    }
    const fs::path marker = directory_ / kMarker;
    if (::unlink(marker.c_str()) != 0) {
        return failed("cannot remove", marker);
    }
    return sync_folder(directory_);
}

}  // namespace postern::ca::commands

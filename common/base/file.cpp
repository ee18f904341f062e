#include "base/file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include <fmt/format.h>

#include "base/bounded_read.hpp"
#include "base/exhaustion.hpp"
#include "base/file_batch.hpp"
#include "base/trusted_path.hpp"
#include "base/unique_fd.hpp"

namespace postern {

Failure io_failure(std::string_view what, const std::filesystem::path& path) {
    const int error = errno;
    if (auto own = exhaustion_of(error)) {
        return with_context(fmt::format("{} {}", what, path.string()), *std::move(own));
    }
    return Failure{error == ENOENT ? Code::not_found : Code::io_failed,
                   fmt::format("{} {}: {}", what, path.string(), std::strerror(error))};
}

Result<std::string> read_file(const std::filesystem::path& path, std::size_t limit_bytes) {
    const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
    if (!fd) {
        return io_failure("cannot open", path);
    }
    struct stat info {};
    if (::fstat(fd.get(), &info) != 0) {
        return io_failure("cannot look at", path);
    }
    if (!S_ISREG(info.st_mode)) {
        return Failure{Code::io_failed, fmt::format("{} is not a regular file", path.string())};
    }
    return read_to_end(fd.get(), path, limit_bytes);
}

Result<void> write_file(const std::filesystem::path& path, std::string_view content, mode_t mode) {
    FileBatch batch;
    if (auto added = batch.add(path, content, mode); !added) {
        return added;
    }
    return batch.put();
}

Result<void> check_private(const std::filesystem::path& path) {
    struct stat info {};
    if (::stat(path.c_str(), &info) != 0) {
        return io_failure("cannot look at", path);
    }
    // Root may use a service's key: the CA's administration commands do so when the service has a
    // DynamicUser.
    if (info.st_uid != ::geteuid() && info.st_uid != 0 && ::geteuid() != 0) {
        return Failure{Code::config_invalid,
                       fmt::format("{} belongs to another user (uid {})", path.string(), info.st_uid)};
    }
    // The group may read what root owns, because systemd hands credentials to a DynamicUser in that way.
    const mode_t forbidden = info.st_uid == 0 && ::geteuid() != 0 ? 0037 : 0077;
    if ((info.st_mode & forbidden) != 0) {
        // Only its owner can change the mode; that of a mounted Kubernetes Secret is set where it is mounted.
        const std::string remedy =
            info.st_uid == ::geteuid()
                ? fmt::format("run: chmod 600 {}", path.string())
                : fmt::format(
                      "it is root's: let one of this user's groups alone read it (mode 0440; of a "
                      "Kubernetes Secret: defaultMode: 0440, and fsGroup: {})",
                      ::getegid());
        return Failure{Code::config_invalid,
                       fmt::format("{} is a private file that others may read (mode {:04o}); {}",
                                   path.string(), info.st_mode & 07777, remedy)};
    }
    return {};
}

namespace {

/// Creates each folder that walk_trusted() did not find.
Result<void> create_trusted(const std::filesystem::path& path, mode_t mode) {
    auto way = walk_trusted(path);
    if (!way) {
        return way.error();
    }
    for (std::size_t i = 0; i < way->missing.size(); ++i) {
        const std::string& name = way->missing[i];
        const mode_t its_mode = i + 1 == way->missing.size() ? mode : 0777;
        if (::mkdirat(way->end.get(), name.c_str(), its_mode) != 0 && errno != EEXIST) {
            return io_failure("cannot create the folder", path);
        }
        way->end =
            UniqueFd(::openat(way->end.get(), name.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
        if (!way->end) {
            return io_failure("cannot create the folder", path);
        }
    }
    return {};
}

}  // namespace

Result<void> create_directory(const std::filesystem::path& path, mode_t mode) {
    std::error_code error;
    if (std::filesystem::is_directory(path, error)) {
        return {};
    }
    if (::geteuid() == 0) {
        return create_trusted(path, mode);
    }
    if (path.has_parent_path()) {
        std::filesystem::create_directories(path.parent_path(), error);
    }
    if (::mkdir(path.c_str(), mode) != 0 && errno != EEXIST) {
        return io_failure("cannot create the folder", path);
    }
    return {};
}

}  // namespace postern

#include "audit/log_folder.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "base/unique_fd.hpp"

namespace postern::audit {

namespace fs = std::filesystem;

namespace {

fs::path folder_of(const fs::path& file) {
    return file.has_parent_path() ? file.parent_path() : fs::path(".");
}

}  // namespace

void hand_to_folder_owner(const fs::path& file) noexcept {
    struct stat folder {};
    if (::geteuid() == 0 && ::stat(folder_of(file).c_str(), &folder) == 0 && folder.st_uid != 0) {
        if (::lchown(file.c_str(), folder.st_uid, folder.st_gid) != 0) {
            spdlog::warn("event=audit.chown file={} reason={}", file.string(), std::strerror(errno));
        }
    }
}

Result<void> sync_folder_of(const fs::path& file) {
    const UniqueFd folder(::open(folder_of(file).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!folder || ::fsync(folder.get()) != 0) {
        return Failure{Code::audit_unavailable,
                       fmt::format("{}: cannot sync its folder: {}", file.string(), std::strerror(errno))};
    }
    return {};
}

}  // namespace postern::audit

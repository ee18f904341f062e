#include "audit/log_folder.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include <fmt/format.h>

#include "base/trusted_path.hpp"
#include "base/unique_fd.hpp"

namespace postern::audit {

namespace fs = std::filesystem;

namespace {

fs::path folder_of(const fs::path& file) {
    return file.has_parent_path() ? file.parent_path() : fs::path(".");
}

}  // namespace

Result<void> check_folder_of(const fs::path& file) {
    auto checked = check_only_root_decides(folder_of(file));
    if (!checked && checked.error().code != Code::not_found) {
        return Failure{Code::audit_unavailable, fmt::format("{}: {}", file.string(), checked.error().detail)};
    }
    return {};
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

#include "base/file_batch.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "base/file.hpp"
#include "base/unique_fd.hpp"

namespace postern {

namespace {

Result<void> write_all(int fd, std::string_view content, const std::filesystem::path& path) {
    while (!content.empty()) {
        const ssize_t written = ::write(fd, content.data(), content.size());
        if (written < 0 && errno == EINTR) {
            continue;
        }
        if (written < 0) {
            return io_failure("cannot write", path);
        }
        content.remove_prefix(static_cast<std::size_t>(written));
    }
    return {};
}

}  // namespace

FileBatch::~FileBatch() {
    for (const Entry& entry : entries_) {
        ::unlink(entry.temporary.c_str());
    }
}

Result<void> FileBatch::add(const std::filesystem::path& path, std::string_view content, mode_t mode,
                            const std::optional<Owner>& owner) {
    std::string temporary = path.string() + ".XXXXXX";
    const UniqueFd fd(::mkostemp(temporary.data(), O_CLOEXEC));  // 0600 until fchmod
    if (!fd) {
        return io_failure("cannot create a file beside", path);
    }
    entries_.push_back(Entry{std::move(temporary), path});
    if (auto written = write_all(fd.get(), content, path); !written) {
        return written;
    }
    if (owner && ::fchown(fd.get(), owner->user, owner->group) != 0) {
        return io_failure("cannot give its owner to", path);
    }
    if (::fchmod(fd.get(), mode) != 0 || ::fsync(fd.get()) != 0) {
        return io_failure("cannot finish", path);
    }
    return {};
}

Result<void> FileBatch::put() {
    std::set<std::filesystem::path> folders;
    while (!entries_.empty()) {
        const Entry& next = entries_.front();
        if (::rename(next.temporary.c_str(), next.path.c_str()) != 0) {
            return io_failure("cannot replace", next.path);
        }
        folders.insert(next.path.has_parent_path() ? next.path.parent_path() : std::filesystem::path("."));
        entries_.erase(entries_.begin());
    }
    for (const auto& folder : folders) {
        const UniqueFd fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
        if (!fd || ::fsync(fd.get()) != 0) {
            return io_failure("cannot sync the folder", folder);
        }
    }
    return {};
}

}  // namespace postern

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

std::filesystem::path folder_of(const std::filesystem::path& path) {
    return path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
}

Result<void> names_a_file(const std::filesystem::path& path) {
    std::error_code error;
    const auto name = path.filename();
    if (name.empty() || name == "." || name == ".." || std::filesystem::is_directory(path, error)) {
        errno = EISDIR;
        return io_failure("cannot write to", path);
    }
    return {};
}

}  // namespace

FileBatch::~FileBatch() {
    for (const Entry& entry : entries_) {
        ::unlink(entry.temporary.c_str());
        if (!entry.kept.empty()) {
            ::unlink(entry.kept.c_str());
        }
    }
}

Result<void> FileBatch::check(const std::filesystem::path& path) {
    if (auto is_file = names_a_file(path); !is_file) {
        return is_file;
    }
    const auto folder = folder_of(path);
    if (::access(folder.c_str(), W_OK | X_OK) != 0) {
        return io_failure("cannot write to", folder);
    }
    return {};
}

Result<void> FileBatch::add(const std::filesystem::path& path, std::string_view content, mode_t mode,
                            const std::optional<Owner>& owner) {
    if (auto is_file = names_a_file(path); !is_file) {
        return is_file;
    }
    std::string temporary = path.string() + ".XXXXXX";
    const UniqueFd fd(::mkostemp(temporary.data(), O_CLOEXEC));  // 0600 until fchmod
    if (!fd) {
        return io_failure("cannot create a file beside", path);
    }
    entries_.push_back(Entry{std::move(temporary), path, "", false});
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

void FileBatch::keep_old(Entry& entry) {
    std::string kept = entry.temporary + ".old";
    if (::link(entry.path.c_str(), kept.c_str()) == 0) {
        entry.kept = std::move(kept);
    } else {
        entry.is_new = errno == ENOENT;
    }
}

void FileBatch::put_back(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
        Entry& entry = entries_[i];
        if (entry.is_new) {
            ::unlink(entry.path.c_str());
        } else if (!entry.kept.empty() && ::rename(entry.kept.c_str(), entry.path.c_str()) == 0) {
            entry.kept.clear();
        }
    }
}

Result<void> FileBatch::put() {
    if (entries_.size() > 1) {
        for (Entry& entry : entries_) {
            keep_old(entry);
        }
    }
    for (std::size_t i = 0; i < entries_.size(); ++i) {
        const Entry& next = entries_[i];
        if (::rename(next.temporary.c_str(), next.path.c_str()) != 0) {
            Failure failure = io_failure("cannot replace", next.path);
            put_back(i);
            return failure;
        }
    }
    std::set<std::filesystem::path> folders;
    for (const Entry& entry : entries_) {
        folders.insert(folder_of(entry.path));
        if (!entry.kept.empty()) {
            ::unlink(entry.kept.c_str());
        }
    }
    entries_.clear();
    for (const auto& folder : folders) {
        const UniqueFd fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
        if (!fd || ::fsync(fd.get()) != 0) {
            return io_failure("cannot sync the folder", folder);
        }
    }
    return {};
}

}  // namespace postern

#include "base/file_batch.hpp"

#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <map>
#include <utility>

#include <fmt/format.h>

#include "base/file.hpp"
#include "base/trusted_path.hpp"

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

Result<void> names_a_file(int folder, const std::filesystem::path& path) {
    struct stat info {};
    const auto name = path.filename();
    const bool is_folder = name.empty() || name == "." || name == ".." ||
                           (::fstatat(folder, name.c_str(), &info, 0) == 0 && S_ISDIR(info.st_mode));
    if (is_folder) {
        errno = EISDIR;
        return io_failure("cannot write to", path);
    }
    return {};
}

/// Creates a file (mode 0600) in `folder` whose name begins with `name` and was not in use; `temporary`
/// receives that name. The descriptor is empty when this fails.
UniqueFd create_beside(int folder, const std::string& name, std::string& temporary) {
    constexpr std::string_view kLetters = "abcdefghijklmnopqrstuvwxyz0123456789";
    for (int attempt = 0; attempt < 100; ++attempt) {
        std::array<unsigned char, 8> random{};
        if (::getrandom(random.data(), random.size(), 0) != static_cast<ssize_t>(random.size())) {
            break;
        }
        temporary = name + ".";
        for (const unsigned char byte : random) {
            temporary += kLetters[byte % kLetters.size()];
        }
        UniqueFd fd(
            ::openat(folder, temporary.c_str(), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
        if (fd || errno != EEXIST) {
            return fd;
        }
    }
    return UniqueFd();
}

}  // namespace

FileBatch::~FileBatch() {
    for (const Entry& entry : entries_) {
        ::unlinkat(entry.folder->get(), entry.temporary.c_str(), 0);
        if (!entry.kept.empty()) {
            ::unlinkat(entry.folder->get(), entry.kept.c_str(), 0);
        }
    }
}

Result<void> FileBatch::check(const std::filesystem::path& path) {
    const auto folder = open_folder(folder_of(path));
    if (!folder) {
        return folder.error();
    }
    if (auto is_file = names_a_file(folder->get(), path); !is_file) {
        return is_file;
    }
    if (::faccessat(folder->get(), ".", W_OK | X_OK, AT_EACCESS) != 0) {
        return io_failure("cannot write to", folder_of(path));
    }
    return {};
}

Result<std::shared_ptr<const UniqueFd>> FileBatch::folder_for(const std::filesystem::path& path) const {
    for (const Entry& entry : entries_) {
        if (folder_of(entry.path) == folder_of(path)) {
            return entry.folder;
        }
    }
    auto folder = open_folder(folder_of(path));
    if (!folder) {
        return folder.error();
    }
    return std::make_shared<const UniqueFd>(std::move(*folder));
}

Result<void> FileBatch::add(const std::filesystem::path& path, std::string_view content, mode_t mode,
                            const std::optional<Owner>& owner) {
    auto folder = folder_for(path);
    if (!folder) {
        return folder.error();
    }
    if (auto is_file = names_a_file((*folder)->get(), path); !is_file) {
        return is_file;
    }
    std::string name = path.filename().string();
    std::string temporary;
    const UniqueFd fd = create_beside((*folder)->get(), name, temporary);
    if (!fd) {
        return io_failure("cannot create a file beside", path);
    }
    entries_.push_back(Entry{std::move(*folder), std::move(temporary), std::move(name), path, "", false});
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
    const int folder = entry.folder->get();
    if (::linkat(folder, entry.name.c_str(), folder, kept.c_str(), 0) == 0) {
        entry.kept = std::move(kept);
    } else {
        entry.is_new = errno == ENOENT;
    }
}

void FileBatch::put_back(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
        Entry& entry = entries_[i];
        const int folder = entry.folder->get();
        if (entry.is_new) {
            ::unlinkat(folder, entry.name.c_str(), 0);
        } else if (!entry.kept.empty() &&
                   ::renameat(folder, entry.kept.c_str(), folder, entry.name.c_str()) == 0) {
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
        const int folder = next.folder->get();
        if (::renameat(folder, next.temporary.c_str(), folder, next.name.c_str()) != 0) {
            Failure failure = io_failure("cannot replace", next.path);
            put_back(i);
            return failure;
        }
    }
    std::map<std::filesystem::path, std::shared_ptr<const UniqueFd>> folders;
    for (const Entry& entry : entries_) {
        folders.emplace(folder_of(entry.path), entry.folder);
        if (!entry.kept.empty()) {
            ::unlinkat(entry.folder->get(), entry.kept.c_str(), 0);
        }
    }
    entries_.clear();
    for (const auto& [path, folder] : folders) {
        const UniqueFd fd(::openat(folder->get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
        if (!fd || ::fsync(fd.get()) != 0) {
            return io_failure("cannot sync the folder", path);
        }
    }
    return {};
}

}  // namespace postern

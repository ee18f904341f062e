#include "base/folder_owner.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "base/file.hpp"
#include "base/trusted_path.hpp"

namespace postern {

namespace fs = std::filesystem;

namespace {

/// The real user id from before become_owner_of() changed it; empty if it did not.
std::optional<uid_t> invoker;

/// The group "nogroup" of Debian, for users without an account.
constexpr gid_t kNoGroup = 65534;

/// A folder that the user must still be able to reach, and its path.
struct Passage {
    UniqueFd folder;
    fs::path at;
};

/// The folders that `user` owns directly below `closed`, a folder that only root may enter. systemd has such
/// folders for services with DynamicUser=. Empty if `closed` does not exist.
std::vector<Passage> passages_below(const char* closed, uid_t user) {
    std::vector<Passage> found;
    const auto close = [](DIR* folder) { ::closedir(folder); };
    const std::unique_ptr<DIR, decltype(close)> folder(::opendir(closed), close);
    while (const dirent* entry = folder ? ::readdir(folder.get()) : nullptr) {
        UniqueFd fd(
            ::openat(::dirfd(folder.get()), entry->d_name, O_PATH | O_NOFOLLOW | O_DIRECTORY | O_CLOEXEC));
        struct stat info {};
        if (fd && ::fstat(fd.get(), &info) == 0 && info.st_uid == user) {
            found.push_back({std::move(fd), fs::path(closed) / entry->d_name});
        }
    }
    return found;
}

Failure not_passed(const fs::path& closed) {
    return Failure{Code::io_failed, fmt::format("cannot pass {} as the owner of what is there: {}",
                                                closed.string(), std::strerror(errno))};
}

/// Mounts an empty file system over `closed`, visible to this process alone, that contains nothing but
/// `passages`.
Result<void> cover(const fs::path& closed, const std::vector<Passage>& passages) {
    if (::mount("none", closed.c_str(), "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0755,size=1m") !=
        0) {
        return not_passed(closed);
    }
    for (const Passage& passage : passages) {
        const mode_t before = ::umask(022);
        std::error_code error;
        fs::create_directories(passage.at, error);
        ::umask(before);
        const std::string original = fmt::format("/proc/self/fd/{}", passage.folder.get());
        if (error || ::mount(original.c_str(), passage.at.c_str(), nullptr, MS_BIND | MS_REC, nullptr) != 0) {
            return not_passed(closed);
        }
    }
    return {};
}

/// The folders that only root may enter, each with the folders of `user` in it.
std::vector<std::pair<fs::path, std::vector<Passage>>> closed_folders(TrustedPath& way, uid_t user) {
    std::vector<std::pair<fs::path, std::vector<Passage>>> closed;
    bool has_way = way.closed_to_others.empty();
    for (const char* known : {"/var/lib/private", "/var/log/private", "/run/private"}) {
        if (auto passages = passages_below(known, user); !passages.empty()) {
            has_way = has_way || way.closed_to_others == known;
            closed.emplace_back(known, std::move(passages));
        }
    }
    struct stat info {};
    if (!has_way && ::fstat(way.end.get(), &info) == 0 && S_ISDIR(info.st_mode)) {
        std::vector<Passage> passages;
        passages.push_back({std::move(way.end), way.reached});
        closed.emplace_back(way.closed_to_others, std::move(passages));
    }
    return closed;
}

/// Makes what `user` owns in folders that only root may enter accessible to this process.
Result<void> open_closed_folders(const fs::path& path, TrustedPath& way, uid_t user) {
    const auto before = closed_folders(way, user);
    if (before.empty()) {
        return {};
    }
    if (::unshare(CLONE_NEWNS) != 0 || ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) {
        return not_passed(before.front().first);
    }
    // Only a folder that was opened in this mount namespace can be mounted in it.
    auto here = walk_trusted(path);
    if (!here) {
        return here.error();
    }
    if (here->others != way.others || here->uid != user) {
        return Failure{Code::io_failed, fmt::format("{} was moved meanwhile", path.string())};
    }
    for (const auto& [closed, passages] : closed_folders(*here, user)) {
        if (auto covered = cover(closed, passages); !covered) {
            return covered;
        }
    }
    return {};
}

/// Gives up root's rights for those of `user`, permanently.
Result<void> become(uid_t user, gid_t folder_group) {
    const passwd* const account = ::getpwuid(user);
    // The folder's group may be root's, which must not be kept.
    const gid_t group = account != nullptr ? account->pw_gid : folder_group != 0 ? folder_group : kNoGroup;
    const bool has_groups =
        account != nullptr ? ::initgroups(account->pw_name, group) == 0 : ::setgroups(1, &group) == 0;
    if (!has_groups || ::setresgid(group, group, group) != 0 || ::setresuid(user, user, user) != 0 ||
        ::setuid(0) == 0 || ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
        ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) {
        return Failure{Code::io_failed,
                       fmt::format("cannot give up the rights of root for those of uid {}: {}", user,
                                   std::strerror(errno))};
    }
    return {};
}

}  // namespace

Result<void> become_owner_of(const fs::path& path) {
    if (::geteuid() != 0) {
        return {};
    }
    auto way = walk_trusted(path);
    if (!way) {
        return way.error();
    }
    if (way->others.empty() || !way->open_to_others.empty()) {
        return check_only_root_decides(path);
    }
    const uid_t user = way->others.front();
    if (way->others.size() > 1 || way->uid != user) {
        return Failure{
            Code::config_invalid,
            fmt::format(
                "{} lies in a folder of uid {}, who could put another in its place, and belongs to uid "
                "{}; move it, or give all of it to one of them",
                path.string(), user, way->uid)};
    }
    invoker = ::getuid();
    const gid_t group = way->gid;
    if (auto opened = open_closed_folders(path, *way, user); !opened) {
        return opened;
    }
    return become(user, group);
}

uid_t invoking_user() noexcept {
    return invoker.value_or(::getuid());
}

}  // namespace postern

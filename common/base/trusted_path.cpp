#include "base/trusted_path.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <deque>
#include <utility>

#include <climits>
#include <fmt/format.h>

#include "base/file.hpp"

namespace postern {

namespace fs = std::filesystem;

namespace {

/// The number of links that the kernel follows as well (path_resolution(7)).
constexpr int kMostLinks = 40;

/// Whether users besides root may replace what is in the folder.
bool may_others_write(const struct stat& info) {
    const bool by_group = (info.st_mode & S_IWGRP) != 0 && info.st_gid != 0;
    // In a sticky folder, such as /tmp, nobody can rename or remove what another user owns.
    return (by_group || (info.st_mode & S_IWOTH) != 0) && (info.st_mode & S_ISVTX) == 0;
}

/// One resolution: the part that has been reached, and the names that are left.
class Walk {
public:
    explicit Walk(const fs::path& path) : path_(path) { put_in_front(path); }

    Result<TrustedPath> run() {
        std::error_code error;
        if (path_.is_relative()) {
            put_in_front(fs::current_path(error));
        }
        if (auto begun = begin(); !begun) {
            return begun.error();
        }
        while (!left_.empty()) {
            const std::string name = std::move(left_.front());
            left_.pop_front();
            auto went = step(name);
            if (!went) {
                return went.error();
            }
            if (!*went) {
                way_.missing.assign(left_.begin(), left_.end());
                way_.missing.insert(way_.missing.begin(), name);
                break;
            }
        }
        return std::move(way_);
    }

private:
    void put_in_front(const fs::path& path) {
        std::vector<std::string> names;
        for (const fs::path& part : path) {
            if (!part.empty() && part != "." && part != "/") {
                names.push_back(part.string());
            }
        }
        left_.insert(left_.begin(), names.begin(), names.end());
    }

    Result<void> begin() {
        way_.end = UniqueFd(::open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
        way_.reached = "/";
        return way_.end ? Result<void>() : io_failure("cannot open", "/");
    }

    bool is_in_foreign_hands() const { return !way_.others.empty() || !way_.open_to_others.empty(); }

    /// Moves to `name`; false if it does not exist.
    Result<bool> step(const std::string& name) {
        if (name == ".." && is_in_foreign_hands()) {
            return foreign(way_.reached / name);
        }
        UniqueFd next(::openat(way_.end.get(), name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
        struct stat info {};
        if (!next || ::fstat(next.get(), &info) != 0) {
            return errno == ENOENT && name != ".." ? Result<bool>(false)
                                                   : io_failure("cannot open", way_.reached / name);
        }
        if (S_ISLNK(info.st_mode)) {
            auto followed = follow(next.get(), info, name);
            return followed ? Result<bool>(true) : followed.error();
        }
        arrive(std::move(next), info, name == ".." ? way_.reached.parent_path() : way_.reached / name);
        return true;
    }

    void arrive(UniqueFd next, const struct stat& info, fs::path reached) {
        way_.end = std::move(next);
        way_.reached = std::move(reached);
        way_.uid = info.st_uid;
        way_.gid = info.st_gid;
        if (info.st_uid != 0) {
            if (std::find(way_.others.begin(), way_.others.end(), info.st_uid) == way_.others.end()) {
                way_.others.push_back(info.st_uid);
            }
            return;
        }
        if (may_others_write(info) && way_.open_to_others.empty()) {
            way_.open_to_others = way_.reached;
        }
        const bool is_closed =
            (info.st_mode & S_IXOTH) == 0 && (info.st_gid == 0 || (info.st_mode & S_IXGRP) == 0);
        if (S_ISDIR(info.st_mode) && is_closed && way_.others.empty() && way_.closed_to_others.empty()) {
            way_.closed_to_others = way_.reached;
        }
    }

    Result<void> follow(int link, const struct stat& info, const std::string& name) {
        if (info.st_uid != 0 || is_in_foreign_hands()) {
            return foreign(way_.reached / name);
        }
        std::array<char, PATH_MAX> target{};
        const ssize_t size = ::readlinkat(link, "", target.data(), target.size());
        if (size <= 0 || ++links_ > kMostLinks) {
            errno = size <= 0 ? errno : ELOOP;
            return io_failure("cannot follow", way_.reached / name);
        }
        const fs::path to(std::string(target.data(), static_cast<std::size_t>(size)));
        put_in_front(to);
        return to.is_absolute() ? begin() : Result<void>();
    }

    Failure foreign(const fs::path& at) const {
        return Failure{
            Code::config_invalid,
            fmt::format("{} is a link that another user may have put there, and root does not follow it",
                        at.string())};
    }

    const fs::path path_;
    std::deque<std::string> left_;
    int links_ = 0;
    TrustedPath way_;
};

}  // namespace

Result<TrustedPath> walk_trusted(const fs::path& path) {
    return Walk(path).run();
}

Result<UniqueFd> open_folder(const fs::path& folder) {
    const fs::path named = folder.empty() ? fs::path(".") : folder;
    if (::geteuid() != 0) {
        UniqueFd fd(::open(named.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
        return fd ? Result<UniqueFd>(std::move(fd)) : io_failure("cannot open", named);
    }
    auto way = walk_trusted(named);
    if (!way) {
        return way.error();
    }
    struct stat info {};
    if (!way->missing.empty() || ::fstat(way->end.get(), &info) != 0 || !S_ISDIR(info.st_mode)) {
        errno = way->missing.empty() ? ENOTDIR : ENOENT;
        return io_failure("cannot open", named);
    }
    return std::move(way->end);
}

Result<void> check_only_root_decides(const fs::path& path) {
    if (::geteuid() != 0) {
        return {};
    }
    const auto way = walk_trusted(path);
    if (!way) {
        return way.error();
    }
    if (!way->others.empty()) {
        return Failure{
            Code::config_invalid,
            fmt::format("{} is in the hands of another user (uid {}), and root does not write there; run "
                        "this as that user, or choose a folder of root's",
                        path.string(), way->others.front())};
    }
    if (!way->open_to_others.empty()) {
        return Failure{Code::config_invalid,
                       fmt::format("others may write to {}; run: chmod go-w {}", way->open_to_others.string(),
                                   way->open_to_others.string())};
    }
    return {};
}

}  // namespace postern

// What a process does that gives up root's rights for good, and folders of a user whom root trusts less.
#pragma once

#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <stdexcept>

namespace postern::test {

/// A user that has nothing else on this machine.
inline constexpr uid_t kService = 54321;

/// The exit code of a child process that does nothing but `act`; -1 when a signal ended it.
template <class Act>
int in_child(Act act) {
    const pid_t child = ::fork();
    if (child == 0) {
        ::_exit(act());
    }
    int status = 0;
    return child > 0 && ::waitpid(child, &status, 0) == child && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/// A child process that does `act` again and again for as long as this stands. A process and no thread: whoever is forked beside a
/// thread may find a lock of the allocator held for ever.
class BackgroundChild {
public:
    template <class Act>
    explicit BackgroundChild(Act act) : child_(::fork()) {
        if (child_ == 0) {
            ::prctl(PR_SET_PDEATHSIG, SIGKILL);
            for (;;) {
                act();
            }
        }
        if (child_ < 0) {
            throw std::runtime_error("fork");
        }
    }
    ~BackgroundChild() {
        ::kill(child_, SIGKILL);
        ::waitpid(child_, nullptr, 0);
    }
    BackgroundChild(const BackgroundChild&) = delete;
    BackgroundChild& operator=(const BackgroundChild&) = delete;

private:
    pid_t child_;
};

/// Gives a folder and all that is in it to `user`.
inline void give(const std::filesystem::path& folder, uid_t user) {
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
        if (::lchown(entry.path().c_str(), user, user) != 0) {
            throw std::runtime_error("lchown");
        }
    }
    if (::lchown(folder.c_str(), user, user) != 0) {
        throw std::runtime_error("lchown");
    }
}

inline uid_t owner_of(const std::filesystem::path& file) {
    struct stat info {};
    return ::lstat(file.c_str(), &info) == 0 ? info.st_uid : static_cast<uid_t>(-1);
}

}  // namespace postern::test

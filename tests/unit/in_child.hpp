// What a process does that gives up root's rights for good, and folders of a user whom root trusts less.
#pragma once

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

/// Gives a folder and all that is in it to `user`.
inline void give(const std::filesystem::path& folder, uid_t user) {
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
        if (::lchown(entry.path().c_str(), user, user) != 0) throw std::runtime_error("lchown");
    }
    if (::lchown(folder.c_str(), user, user) != 0) throw std::runtime_error("lchown");
}

inline uid_t owner_of(const std::filesystem::path& file) {
    struct stat info {};
    return ::lstat(file.c_str(), &info) == 0 ? info.st_uid : static_cast<uid_t>(-1);
}

}  // namespace postern::test

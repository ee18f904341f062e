// Drops root's privileges: a program that root runs on another user's folder becomes that user first.
// Whatever is in such a folder is then opened with the rights of the user who put it there, so that a link in
// it cannot give that user access to root's files.
#pragma once

#include <sys/types.h>

#include <filesystem>

#include "base/result.hpp"

namespace postern {

/// If root runs the program and `path` (a folder, or a file such as a configuration) belongs to another user,
/// the process takes that user's rights permanently and in all threads. Other processes of that user can then
/// not trace it (PR_SET_DUMPABLE), and it cannot regain rights (PR_SET_NO_NEW_PRIVS). Folders that only root
/// may enter, such as systemd's /var/lib/private, are opened for this process alone, as far as the user owns
/// what is in them. Call it before anything at `path` is opened and before any thread is started.
///
/// Does nothing if another user than root runs the program, or if only root can decide where `path` leads.
/// Fails with Code::config_invalid if more than one user can decide that, and with Code::io_failed if the
/// rights cannot be given up; the program must then do nothing.
Result<void> become_owner_of(const std::filesystem::path& path);

/// The user who started the program, also after become_owner_of() has changed the process's user.
uid_t invoking_user() noexcept;

}  // namespace postern

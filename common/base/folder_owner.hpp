// Dropping root's privileges: a program that root runs on a folder of somebody else becomes that user first. What
// stands in such a folder is then opened with the rights of the one who put it there, and cannot lead root
// anywhere.
#pragma once

#include <sys/types.h>

#include <filesystem>

#include "base/result.hpp"

namespace postern {

/// Where root runs the program and `path` (a folder, or a file such as a configuration) belongs to another
/// user: takes that user's rights for good, in all threads, and can be neither traced nor raised by what else
/// runs as that user. Folders that only root may pass, such as /var/lib/private of systemd, let the user pass
/// to what is their own there, in this process alone. Call before anything at the path is opened, and before
/// any thread is started.
///
/// Does nothing for anybody but root, and where root alone decides where the path leads. Code::config_invalid
/// where it is not one user who decides, Code::io_failed where the rights cannot be given up: nothing may be
/// done then.
Result<void> become_owner_of(const std::filesystem::path& path);

/// Who started the program, whoever it has become.
uid_t invoking_user() noexcept;

}  // namespace postern

// Reads and writes whole small files. Reading has a bound. After a power cut during a write the file has
// either its old or its new content.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace postern {

/// Reads a regular file of at most `limit_bytes`. Fails with Code::not_found, Code::request_too_large or
/// Code::io_failed.
Result<std::string> read_file(const std::filesystem::path& path, std::size_t limit_bytes = 1 << 20);

/// Writes to a temporary file beside `path`, syncs it, renames it over `path` and syncs the folder. The file
/// never exists with wider permissions than `mode`. Fails with Code::io_failed, or with Code::not_found when
/// there is no such folder; the old file is then unchanged, unless syncing the folder was the step that
/// failed.
Result<void> write_file(const std::filesystem::path& path, std::string_view content, mode_t mode);

/// Checks that only its owner may read a private file; otherwise Code::config_invalid with the command to
/// run. The owner must be this process's user or root; root accepts any owner. A file of root's may be
/// readable by its group (mode 0440), as in systemd's credential folder, when the process is not root.
Result<void> check_private(const std::filesystem::path& path);

/// The failure that errno stands for, right after a system call on `path` failed: Code::not_found for ENOENT,
/// Code::out_of_resources as in exhaustion_of(), Code::io_failed otherwise. `what` says what could not be
/// done, for example "cannot read".
Failure io_failure(std::string_view what, const std::filesystem::path& path);

/// Creates the folder and its missing parents; the last folder gets `mode`. A folder that exists keeps its
/// mode. Fails with Code::io_failed, and as walk_trusted() does when root calls it.
Result<void> create_directory(const std::filesystem::path& path, mode_t mode);

}  // namespace postern

// Whole small files, read with a bound and written so that a power cut leaves the old one or the new one.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace postern {

/// Reads a regular file of at most `limit_bytes`. Code::not_found, Code::request_too_large or
/// Code::io_failed.
Result<std::string> read_file(const std::filesystem::path& path, std::size_t limit_bytes = 1 << 20);

/// Writes to a temporary file beside `path`, syncs it, renames it over `path` and syncs the folder. The file
/// never exists with wider permissions than `mode`. Code::io_failed; the old file then stands untouched.
Result<void> write_file(const std::filesystem::path& path, std::string_view content, mode_t mode);

/// Refuses a private file that others may read: Code::config_invalid with the chmod to run. The owner must be
/// this process's user or root (for root: anybody); systemd's credential folder (mode 0400 or 0440 of root)
/// passes.
Result<void> check_private(const std::filesystem::path& path);

/// What errno says about `path`, after a system call failed: Code::not_found for ENOENT, Code::io_failed
/// otherwise. `what` is what could not be done, "cannot read".
Failure io_failure(std::string_view what, const std::filesystem::path& path);

/// Creates the folder and its parents; the last one gets `mode`. One that exists keeps its mode.
Result<void> create_directory(const std::filesystem::path& path, mode_t mode);

}  // namespace postern

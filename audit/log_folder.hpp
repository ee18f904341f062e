// Checks the folder of a log and makes file names in it durable.
#pragma once

#include <sys/types.h>

#include <filesystem>

#include "base/result.hpp"

namespace postern::audit {

/// The mode of the log and of the files beside it, except for public keys.
inline constexpr mode_t kLogMode = 0640;

/// When this process runs as root, checks that only root can decide where the folder of `file` leads. A file
/// that the user of a service owns is written by that user (base/folder_owner) or not at all. Fails with
/// Code::audit_unavailable.
Result<void> check_folder_of(const std::filesystem::path& file);

/// Syncs the folder of `file` after the file was created or renamed, so that its name survives a power cut.
/// Fails with Code::audit_unavailable.
Result<void> sync_folder_of(const std::filesystem::path& file);

}  // namespace postern::audit

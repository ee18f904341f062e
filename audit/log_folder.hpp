// The folder that a log lies in: whose its files are, and that their names last.
#pragma once

#include <sys/types.h>

#include <filesystem>

#include "base/result.hpp"

namespace postern::audit {

/// Of the log and of what is kept beside it, but for public keys.
inline constexpr mode_t kLogMode = 0640;

/// For root alone: that nobody else decides where the folder leads. What a service's user owns is written by
/// that user (base/folder_owner), or not at all. Code::audit_unavailable.
Result<void> check_folder_of(const std::filesystem::path& file);

/// After a file was made or renamed there: its name survives a power cut. Code::audit_unavailable.
Result<void> sync_folder_of(const std::filesystem::path& file);

}  // namespace postern::audit

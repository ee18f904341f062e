// The folder that a log lies in: whose its files are, and that their names last.
#pragma once

#include <sys/types.h>

#include <filesystem>

#include "base/result.hpp"

namespace postern::audit {

/// Of the log and of what is kept beside it, but for public keys.
inline constexpr mode_t kLogMode = 0640;

/// What root makes in a service's folder belongs to the service: an admin command must not lock the service
/// out.
void hand_to_folder_owner(const std::filesystem::path& file) noexcept;

/// After a file was made or renamed there: its name survives a power cut. Code::audit_unavailable.
Result<void> sync_folder_of(const std::filesystem::path& file);

}  // namespace postern::audit

// What root may believe of a path. Whoever may write to a folder on the way decides what root finds behind
// it, and a link that is swapped between a look and an act sends root elsewhere. So root walks folder by
// folder, each from the descriptor of the one before, and follows links only where nobody but root can put
// one.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace postern {

/// The deepest part of a path that is there, and who decides where the path leads.
struct TrustedPath {
    /// Opened with O_PATH.
    UniqueFd end;
    /// The part of the path that `end` is, without links.
    std::filesystem::path reached;
    /// What is not there yet, from `end` on.
    std::vector<std::string> missing;
    /// The owner of `end`.
    uid_t uid = 0;
    gid_t gid = 0;
    /// The users besides root who own something on the way, `end` included.
    std::vector<uid_t> others;
    /// A folder of root's on the way that others may write to; empty without one.
    std::filesystem::path open_to_others;
    /// The first folder on the way that only root may pass; empty without one.
    std::filesystem::path closed_to_others;
};

/// Walks `path`, for whoever asks. Code::config_invalid for a link that somebody besides root could have put
/// there, Code::not_found for a link that leads nowhere, Code::io_failed otherwise. A file may stand at the
/// end.
Result<TrustedPath> walk_trusted(const std::filesystem::path& path);

/// The folder, opened with O_PATH: for root by walk_trusted(), for anybody else as the kernel finds it.
/// Code::not_found when it is not there.
Result<UniqueFd> open_folder(const std::filesystem::path& folder);

/// That nobody but root decides where the path leads; only root is ever refused (Code::config_invalid).
Result<void> check_only_root_decides(const std::filesystem::path& path);

}  // namespace postern

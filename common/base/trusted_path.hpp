// Resolves a path for root. Whoever may write to a folder on the way decides what root finds in it, and a
// link that is swapped between a check and its use sends root to another file. Root therefore opens each
// folder relative to the descriptor of the one before, and follows links only where nobody but root can
// create one.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace postern {

/// The deepest existing part of a path, and the users who can decide where the path leads.
struct TrustedPath {
    /// The last part that exists, opened with O_PATH.
    UniqueFd end;
    /// The path of `end`, without links.
    std::filesystem::path reached;
    /// The names after `end` that do not exist.
    std::vector<std::string> missing;
    /// The owner of `end`.
    uid_t uid = 0;
    gid_t gid = 0;
    /// The users besides root who own something on the way, including `end`.
    std::vector<uid_t> others;
    /// The first folder of root's on the way that others may write to; empty if there is none.
    std::filesystem::path open_to_others;
    /// The first folder on the way that only root may enter; empty if there is none.
    std::filesystem::path closed_to_others;
};

/// Resolves `path`, whichever user calls it. The last part may be a file. The target of a dangling link
/// counts as missing. Fails with Code::config_invalid for a link that somebody besides root could have
/// created, and with Code::io_failed otherwise.
Result<TrustedPath> walk_trusted(const std::filesystem::path& path);

/// Opens the folder with O_PATH: for root with walk_trusted(), for other users as the kernel resolves the
/// path. Fails with Code::not_found if it does not exist.
Result<UniqueFd> open_folder(const std::filesystem::path& folder);

/// Checks that nobody but root can decide where `path` leads; otherwise Code::config_invalid. Succeeds always
/// if the process is not root's.
Result<void> check_only_root_decides(const std::filesystem::path& path);

}  // namespace postern

// Replaces several small files that belong together, such as a key and its certificate. All of them are on
// the disk before the first is renamed to its final name, so that a full disk leaves the old files as they
// were. If one rename fails, the old files of the others are restored. A power cut between two renames can
// still leave a mix of old and new files. Each folder is opened only once (base/trusted_path), so that
// somebody who may write there cannot redirect root by swapping a folder for a link.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace postern {

/// A set of temporary files that put() renames to their final names. The destructor removes those that put()
/// has not renamed. Not thread-safe.
class FileBatch {
public:
    /// The user and the group that a file is given.
    struct Owner {
        uid_t user = 0;
        gid_t group = 0;
    };

    FileBatch() = default;
    FileBatch(const FileBatch&) = delete;
    FileBatch& operator=(const FileBatch&) = delete;
    ~FileBatch();

    /// Whether a file could be written to `path`, for callers that must know beforehand. Fails with
    /// Code::io_failed when `path` names a folder or its folder cannot be written to, and with
    /// Code::not_found when the folder does not exist.
    static Result<void> check(const std::filesystem::path& path);

    /// Writes a temporary file beside `path` and syncs it. It never exists with wider permissions than
    /// `mode`. Fails with Code::io_failed, also when `path` names a folder, and with Code::not_found when the
    /// folder does not exist.
    Result<void> add(const std::filesystem::path& path, std::string_view content, mode_t mode,
                     const std::optional<Owner>& owner = {});
    /// Renames all temporary files to their final names, in the order in which they were added, and syncs
    /// their folders. Call it once. If one of several files cannot be renamed, those before it get their old
    /// content back, except on a file system without hard links, where the old content is lost. If only
    /// syncing a folder fails, the new files stay in place.
    Result<void> put();

private:
    /// One file of the batch.
    struct Entry {
        std::shared_ptr<const UniqueFd> folder;
        /// The names within `folder`; `path` is the one that the caller gave.
        std::string temporary;
        std::string name;
        std::filesystem::path path;
        /// The name of a hard link to the file that is replaced; empty if there is none.
        std::string kept;
        /// Whether there was no file of that name before.
        bool is_new = false;
    };

    /// The folder of `path`, opened unless an entry has it already.
    Result<std::shared_ptr<const UniqueFd>> folder_for(const std::filesystem::path& path) const;
    /// Makes the hard link to the file that `entry` replaces.
    void keep_old(Entry& entry);
    /// Restores the old files of the first `count` entries.
    void put_back(std::size_t count);

    std::vector<Entry> entries_;
};

}  // namespace postern

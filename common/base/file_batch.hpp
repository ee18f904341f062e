// Several small files that belong together, such as a key and its certificate: all of them are on the disk
// before the first takes its name, so that a full disk leaves the old ones as they were, and where one cannot
// take its name, the old ones of the others come back. A power cut may still fall between two names. Each
// folder is opened once (base/trusted_path), so that nobody who may write there can send root elsewhere
// meanwhile.
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

/// Not thread-safe. What was not put in place by put() is removed again.
class FileBatch {
public:
    struct Owner {
        uid_t user = 0;
        gid_t group = 0;
    };

    FileBatch() = default;
    FileBatch(const FileBatch&) = delete;
    FileBatch& operator=(const FileBatch&) = delete;
    ~FileBatch();

    /// Whether a file could be put at `path`: Code::io_failed where a folder is or is meant, or where the
    /// folder cannot be written to; Code::not_found without the folder. For those who must know beforehand.
    static Result<void> check(const std::filesystem::path& path);

    /// Writes a temporary file beside `path` and syncs it. It never exists with wider permissions than
    /// `mode`. Code::io_failed, also where a folder is or is meant, or Code::not_found without the folder.
    Result<void> add(const std::filesystem::path& path, std::string_view content, mode_t mode,
                     const std::optional<Owner>& owner = {});
    /// Renames all of them, in the order in which they were added, and syncs their folders. Once. Where one
    /// cannot be renamed, those before it are as they were; but on a file system without hard links, where
    /// there is nothing to put back.
    Result<void> put();

private:
    struct Entry {
        std::shared_ptr<const UniqueFd> folder;
        /// Names in the folder; `path` is what the caller said.
        std::string temporary;
        std::string name;
        std::filesystem::path path;
        /// A hard link to the file that is replaced; empty where there is none.
        std::string kept;
        bool is_new = false;
    };

    Result<std::shared_ptr<const UniqueFd>> folder_for(const std::filesystem::path& path) const;
    void keep_old(Entry& entry);
    void put_back(std::size_t count);

    std::vector<Entry> entries_;
};

}  // namespace postern

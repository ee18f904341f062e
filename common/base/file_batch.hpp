// Several small files that belong together, such as a key and its certificate: all of them are on the disk
// before the first takes its name, so that a full disk leaves the old ones as they were. A power cut may
// still fall between two names.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

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

    /// Writes a temporary file beside `path` and syncs it. It never exists with wider permissions than
    /// `mode`. Code::io_failed, or Code::not_found without the folder.
    Result<void> add(const std::filesystem::path& path, std::string_view content, mode_t mode,
                     const std::optional<Owner>& owner = {});
    /// Renames all of them, in the order in which they were added, and syncs their folders. Once.
    Result<void> put();

private:
    struct Entry {
        std::string temporary;
        std::filesystem::path path;
    };

    std::vector<Entry> entries_;
};

}  // namespace postern

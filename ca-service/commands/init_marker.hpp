// The file that says that `init` has begun and not yet ended. While it is there, nothing in the folder has
// ever been used, and only then may `init` throw it away.
#pragma once

#include <filesystem>

#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace postern::ca::commands {

bool is_init_unfinished(const std::filesystem::path& directory);

/// Held from the first file of a new CA to the last.
class InitMarker {
public:
    /// Makes the folder (0700), or takes an empty one, or one that an interrupted `init` left, which it
    /// empties of what `init` makes. Code::already_exists when there is a CA, or anything else.
    static Result<InitMarker> begin(const std::filesystem::path& directory);
    /// The CA is whole and on the disk.
    Result<void> finish();

private:
    InitMarker(std::filesystem::path directory, UniqueFd lock)
        : directory_(std::move(directory)), lock_(std::move(lock)) {}

    std::filesystem::path directory_;
    UniqueFd lock_;
};

}  // namespace postern::ca::commands

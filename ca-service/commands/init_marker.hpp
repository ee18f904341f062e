// The file that says that `init` has begun and has not ended. While it exists, nothing in the folder has ever
// been used, and only then may `init` remove what is there.
#pragma once

#include <filesystem>

#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace postern::ca::commands {

bool is_init_unfinished(const std::filesystem::path& directory);

/// Held from the first file of a new CA to the last.
class InitMarker {
public:
    /// Makes the folder (0700), or takes an empty one, or takes one that an interrupted `init` left, and
    /// removes its files. Fails with Code::already_exists when the folder holds a CA or anything else, or
    /// when another `init` is at work in it.
    static Result<InitMarker> begin(const std::filesystem::path& directory);
    /// Says that the CA is complete: syncs the folder and removes the marker.
    Result<void> finish();

private:
    InitMarker(std::filesystem::path directory, UniqueFd lock)
        : directory_(std::move(directory)), lock_(std::move(lock)) {}

    std::filesystem::path directory_;
    UniqueFd lock_;
};

}  // namespace postern::ca::commands

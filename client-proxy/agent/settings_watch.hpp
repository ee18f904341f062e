// Detects changes of config.toml. When the file cannot be read, the settings in force stay. Not thread-safe.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <optional>

#include "client-proxy/config/preferences.hpp"

namespace postern::client {

class SettingsWatch {
public:
    /// When `file` is empty, there is no place for a file, and nothing changes.
    SettingsWatch(std::filesystem::path file, Preferences in_force);

    /// Returns the settings, or the error of reading them, when the file has changed since the last call; no
    /// value when it has not. It costs one stat().
    std::optional<Result<Preferences>> look();
    /// Sets the settings that are in force from now on, and clears the problem.
    void take(Preferences preferences);
    /// Notes why the file's settings are not in force.
    void refuse(Failure why) { problem_ = std::move(why); }

    const Preferences& in_force() const noexcept { return in_force_; }
    const std::optional<Failure>& problem() const noexcept { return problem_; }
    const std::filesystem::path& file() const noexcept { return file_; }

private:
    /// The properties by which two states of a file are told apart; all are 0 when there is no file.
    struct Mark {
        dev_t device = 0;
        ino_t inode = 0;
        off_t size = 0;
        std::int64_t changed = 0;
        bool operator==(const Mark&) const = default;
    };
    Mark mark() const;

    const std::filesystem::path file_;
    Preferences in_force_;
    std::optional<Failure> problem_;
    Mark seen_;
};

}  // namespace postern::client

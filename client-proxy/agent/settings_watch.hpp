// Notices that config.toml is another one than what the agent goes by. What cannot be read leaves in force
// what was. Not thread-safe.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <optional>

#include "client-proxy/config/preferences.hpp"

namespace postern::client {

class SettingsWatch {
public:
    /// `file` empty: there is no place for one, and nothing changes.
    SettingsWatch(std::filesystem::path file, Preferences in_force);

    /// Nothing while the file is as it was at the last look. Cheap: one stat().
    std::optional<Result<Preferences>> look();
    /// What is gone by from now on.
    void take(Preferences preferences);
    /// The file is not gone by, and why.
    void refuse(Failure why) { problem_ = std::move(why); }

    const Preferences& in_force() const noexcept { return in_force_; }
    const std::optional<Failure>& problem() const noexcept { return problem_; }
    const std::filesystem::path& file() const noexcept { return file_; }

private:
    /// What tells two states of a file apart; all 0 when there is none.
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

#include "client-proxy/agent/settings_watch.hpp"

#include <sys/stat.h>

#include <utility>

namespace postern::client {

SettingsWatch::SettingsWatch(std::filesystem::path file, Preferences in_force)
    : file_(std::move(file)), in_force_(std::move(in_force)), seen_(mark()) {}

/// The change time (ctime) differs even when an older file is put in place together with its old modification
/// time.
SettingsWatch::Mark SettingsWatch::mark() const {
    struct stat info {};
    if (file_.empty() || ::stat(file_.c_str(), &info) != 0) {
        return {};
    }
    constexpr std::int64_t kNanoseconds = 1'000'000'000;
    return {info.st_dev, info.st_ino, info.st_size,
            info.st_ctim.tv_sec * kNanoseconds + info.st_ctim.tv_nsec};
}

std::optional<Result<Preferences>> SettingsWatch::look() {
    const Mark now = mark();
    if (now == seen_) {
        return std::nullopt;
    }
    seen_ = now;
    return Preferences::load(file_);
}

void SettingsWatch::take(Preferences preferences) {
    in_force_ = std::move(preferences);
    problem_.reset();
}

}  // namespace postern::client

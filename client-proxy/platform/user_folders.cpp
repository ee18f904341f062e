#include "client-proxy/platform/user_folders.hpp"

#include <unistd.h>

#include <cstdlib>
#include <string_view>
#include <system_error>
#include <utility>

#include <fmt/format.h>

namespace postern::client {

namespace {

namespace fs = std::filesystem;

/// The absolute path in the variable; the first one when `is_list` is set, because systemd separates several
/// by colons. Empty when there is none.
fs::path absolute_in(const char* variable, bool is_list = false) {
    const char* const value = std::getenv(variable);
    std::string_view text = value != nullptr ? value : "";
    text = is_list ? text.substr(0, text.find(':')) : text;
    fs::path path(text);
    return path.is_absolute() ? path : fs::path();
}

}  // namespace

fs::path config_folder() {
    if (const fs::path config = absolute_in("XDG_CONFIG_HOME"); !config.empty()) {
        return config / "postern";
    }
    const fs::path home = absolute_in("HOME");
    return home.empty() ? home : home / ".config" / "postern";
}

fs::path state_folder() {
    if (const fs::path state = absolute_in("XDG_STATE_HOME"); !state.empty()) {
        return state / "postern";
    }
    if (const fs::path home = absolute_in("HOME"); !home.empty()) {
        return home / ".local" / "state" / "postern";
    }
    const fs::path state = absolute_in("STATE_DIRECTORY", true);
    return state.empty() ? state : state / "postern";
}

std::vector<fs::path> runtime_places() {
    std::vector<fs::path> all;
    if (auto given = absolute_in("XDG_RUNTIME_DIR"); !given.empty()) {
        all.push_back(std::move(given));
    }
    const fs::path usual = fmt::format("/run/user/{}", ::geteuid());
    std::error_code ignored;
    if (fs::is_directory(usual, ignored) && (all.empty() || all.front() != usual)) {
        all.push_back(usual);
    }
    // This is a system service's folder. The folder inside it is private to this user, whatever
    // RuntimeDirectoryMode= says.
    if (auto service = absolute_in("RUNTIME_DIRECTORY", true); !service.empty()) {
        all.push_back(std::move(service));
    }
    return all;
}

}  // namespace postern::client

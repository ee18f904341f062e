#include "client-proxy/login/preferences.hpp"

#include <cstdlib>
#include <system_error>

#include "config/document.hpp"

namespace postern::client {

Result<Preferences> Preferences::load() {
    // The XDG base directory specification: a relative path is to be ignored.
    for (const auto& [variable, below] : {std::pair{"XDG_CONFIG_HOME", ""}, std::pair{"HOME", ".config"}}) {
        const char* const value = std::getenv(variable);
        if (value != nullptr && std::filesystem::path(value).is_absolute()) {
            return load(std::filesystem::path(value) / below / "postern" / "config.toml");
        }
    }
    return Preferences();
}

Result<Preferences> Preferences::load(const std::filesystem::path& file) {
    std::error_code ignored;
    if (!std::filesystem::exists(file, ignored)) {
        return Preferences();
    }
    auto document = config::Document::load(file);
    if (!document) {
        return document.error();
    }
    Preferences preferences;
    auto root = document->root();
    auto ca = root.table("ca");
    preferences.ca_url = ca.string("url", "");
    preferences.fingerprint = ca.string("fingerprint", "");
    auto login = root.table("login");
    preferences.user = login.string("user", "");
    if (auto finished = document->finish(); !finished) {
        return finished.error();
    }
    return preferences;
}

}  // namespace postern::client

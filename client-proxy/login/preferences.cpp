#include "client-proxy/login/preferences.hpp"

#include <cstdlib>
#include <system_error>

#include "base/file.hpp"
#include "config/document.hpp"

namespace postern::client {

std::filesystem::path Preferences::default_file() {
    // The XDG base directory specification: a relative path is to be ignored.
    for (const auto& [variable, below] : {std::pair{"XDG_CONFIG_HOME", ""}, std::pair{"HOME", ".config"}}) {
        const char* const value = std::getenv(variable);
        if (value != nullptr && std::filesystem::path(value).is_absolute()) {
            return std::filesystem::path(value) / below / "postern" / "config.toml";
        }
    }
    return {};
}

Result<Preferences> Preferences::load() {
    const auto file = default_file();
    return file.empty() ? Preferences() : load(file);
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
    auto key = root.table("key");
    preferences.key.store = key.choice("store", "file", {"file", "keyring", "tpm2", "pkcs11"});
    preferences.key.uri = key.string("uri", "");
    preferences.key.module = key.optional_path("module").value_or("");
    preferences.key.pin_file = key.optional_path("pin_file").value_or("");
    if (preferences.key.store == "pkcs11" && preferences.key.uri.empty()) {
        key.problem("uri", "a key on a token needs its URI: uri = \"pkcs11:token=…;object=…\"");
    }
    auto network = root.table("network");
    preferences.proxy = Secret(network.string("proxy", ""));
    preferences.no_proxy = network.string("no_proxy", "");
    auto agent = root.table("agent");
    preferences.unsafe_listen = agent.strings("unsafe_listen");
    preferences.allow_programs = agent.strings("allow_programs");
    auto& warm = preferences.warm;
    const auto count = [&](std::string_view name, std::size_t& number) {
        number = static_cast<std::size_t>(agent.integer(name, static_cast<std::int64_t>(number), 0, 256));
    };
    count("warm", warm.few);
    count("warm_most", warm.most);
    warm.rest = agent.duration("warm_rest", warm.rest, std::chrono::seconds(1), std::chrono::hours(24));
    warm.lifetime =
        agent.duration("warm_lifetime", warm.lifetime, std::chrono::seconds(1), std::chrono::hours(24));
    if (auto finished = document->finish(); !finished) {
        return finished.error();
    }
    if (preferences.proxy.reveal().find('@') != std::string_view::npos) {
        if (auto is_private = check_private(file); !is_private) {
            return with_context("the proxy's password is in it", is_private.error());
        }
    }
    return preferences;
}

}  // namespace postern::client

#include "client-proxy/config/preferences.hpp"

#include <cstdlib>
#include <system_error>

#include <fmt/format.h>

#include "base/file.hpp"
#include "ca_api/fingerprint.hpp"
#include "client-proxy/config/proxy_rules.hpp"
#include "client-proxy/platform/user_folders.hpp"
#include "config/document.hpp"
#include "http/https_url.hpp"
#include "net/address.hpp"
#include "pki/identity.hpp"

namespace postern::client {

namespace {

void read_login(config::Table root, Preferences& preferences) {
    auto ca = root.table("ca");
    if (const auto url = ca.string("url", ""); !url.empty()) {
        if (const auto read = http::HttpsUrl::parse(url)) {
            preferences.ca_url = read->text();
        } else {
            ca.problem("url", read.error().detail);
        }
    }
    // The fingerprint may contain blanks, which are ignored.
    if (const auto fingerprint = ca.text("fingerprint", ""); !fingerprint.empty()) {
        if (const auto read = ca_api::Fingerprint::parse(fingerprint)) {
            preferences.fingerprint = read->text();
        } else {
            ca.problem("fingerprint", read.error().detail);
        }
    }
    auto login = root.table("login");
    preferences.user = login.string("user", "");
    if (login.has("user") && !pki::is_login_name(preferences.user)) {
        login.problem("user", fmt::format("'{}' is no login name", preferences.user));
    }
}

void read_key(config::Table table, KeyPreferences& key) {
    key.store = table.choice("store", "file", {"file", "keyring", "tpm2", "pkcs11"});
    key.uri = table.string("uri", "");
    key.module = table.optional_path("module").value_or("");
    key.pin_file = table.optional_path("pin_file").value_or("");
    const bool is_needed = key.store == "pkcs11" && key.uri.empty();
    if (is_needed || (!key.uri.empty() && !key.uri.starts_with("pkcs11:"))) {
        table.problem("uri", "a key on a token needs its URI: uri = \"pkcs11:token=…;object=…\"");
    }
}

void read_network(config::Table table, Preferences& preferences) {
    preferences.proxy = Secret(table.string("proxy", ""));
    const auto proxy = preferences.proxy.reveal();
    if (!proxy.empty() && proxy != "none") {
        if (const auto read = parse_proxy(proxy); !read) {
            table.problem("proxy", read.error().detail + "; \"none\" is none at all");
        }
    }
    preferences.no_proxy = table.string("no_proxy", "");
    if (const auto checked = check_no_proxy(preferences.no_proxy); !checked) {
        table.problem("no_proxy", checked.error().detail);
    }
}

}  // namespace

std::filesystem::path Preferences::default_file() {
    const auto folder = config_folder();
    return folder.empty() ? folder : folder / "config.toml";
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
    read_login(root, preferences);
    read_key(root.table("key"), preferences.key);
    read_network(root.table("network"), preferences);
    auto agent = root.table("agent");
    preferences.unsafe_listen = agent.strings("unsafe_listen");
    for (const auto& host : preferences.unsafe_listen) {
        if (!net::is_ip_address(host) && host != "*") {
            agent.problem("unsafe_listen",
                          fmt::format("'{}' is no IP address of this machine; \"*\" is all of "
                                      "them",
                                      host));
        }
    }
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

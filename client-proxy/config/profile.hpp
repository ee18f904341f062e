// The agent's state on disk, $XDG_STATE_HOME/postern: which CA, what it said, the login certificate and its
// key. The folder is 0700 and refused when others may look into it; every file is replaced as a whole.
// Several processes share it.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "client-proxy/config/catalogue.hpp"

namespace postern::client {

/// profile.json.
struct Profile {
    std::string ca_url;
    /// "sha256:<hex>" of the server CA's root.
    std::string pin;
    std::string trust_domain;
    std::string user;
    std::vector<std::string> groups;
    std::string session_id;
    std::optional<SystemTime> session_expires;
    /// When the CA wants the login certificate renewed.
    std::optional<SystemTime> renew_after;
    Catalogue catalogue;
};

Result<Profile> profile_from_json(std::string_view text);
std::string to_json_text(const Profile& profile);

/// Other processes wait while it lives (flock).
class FolderLock {
public:
    explicit FolderLock(UniqueFd fd) : fd_(std::move(fd)) {}

private:
    UniqueFd fd_;
};

class ProfileFolder {
public:
    /// $XDG_STATE_HOME/postern, or ~/.local/state/postern. Code::config_invalid without a home.
    static Result<std::filesystem::path> default_path();
    /// Makes the folder if it is not there. Code::config_invalid when it is another user's or others may look
    /// into it.
    static Result<ProfileFolder> open(const std::filesystem::path& path);

    /// Code::not_found when nobody has logged in yet.
    Result<Profile> load() const;
    Result<void> save(const Profile& profile) const;

    /// Blocks until no other process holds `name`.
    Result<FolderLock> lock(const char* name) const;
    /// Code::already_exists while another process holds it.
    Result<FolderLock> try_lock(const char* name) const;

    const std::filesystem::path& path() const noexcept { return path_; }
    std::filesystem::path login_key() const { return path_ / "login.key"; }
    std::filesystem::path login_certificate() const { return path_ / "login.pem"; }
    std::filesystem::path user_ca() const { return path_ / "user-ca.pem"; }
    std::filesystem::path server_ca() const { return path_ / "server-ca.pem"; }
    std::filesystem::path ports() const { return path_ / "ports.json"; }

private:
    explicit ProfileFolder(std::filesystem::path path) : path_(std::move(path)) {}
    Result<UniqueFd> open_lock(const char* name) const;
    std::filesystem::path path_;
};

}  // namespace postern::client

#include "client-proxy/config/profile.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/file.hpp"
#include "base/json.hpp"
#include "client-proxy/platform/user_folders.hpp"
#include "http/https_url.hpp"

namespace postern::client {

Result<Profile> profile_from_json(std::string_view text) {
    const auto json = parse_json(text);
    const Failure broken{Code::config_invalid,
                         "the profile is damaged; run: postern login --ca URL --fingerprint sha256:HEX"};
    if (!json.is_object()) {
        return broken;
    }
    try {
        Profile profile;
        profile.ca_url = json.at("ca_url").get<std::string>();
        if (const auto url = http::HttpsUrl::parse(profile.ca_url)) {
            profile.ca_url = url->text();
        } else if (!profile.ca_url.empty()) {
            return broken;
        }
        profile.pin = json.at("pin").get<std::string>();
        profile.trust_domain = json.at("trust_domain").get<std::string>();
        profile.user = json.at("user").get<std::string>();
        profile.groups = json.at("groups").get<std::vector<std::string>>();
        profile.session_id = json.at("session_id").get<std::string>();
        for (auto [key, into] : {std::pair{"session_expires", &profile.session_expires},
                                 std::pair{"renew_after", &profile.renew_after}}) {
            if (const auto text_of = json.at(key).get<std::string>(); !text_of.empty()) {
                const auto time = parse_time(text_of);
                if (!time) {
                    return broken;
                }
                *into = *time;
            }
        }
        auto catalogue = catalogue_from_json(json.at("catalogue"));
        if (!catalogue) {
            return broken;
        }
        profile.catalogue = *std::move(catalogue);
        return profile;
    } catch (const nlohmann::json::exception&) {
        return broken;
    }
}

std::string to_json_text(const Profile& profile) {
    const auto text_of = [](const std::optional<SystemTime>& time) {
        return time ? format_time(*time) : std::string();
    };
    const nlohmann::json json = {
        {"ca_url", profile.ca_url},
        {"pin", profile.pin},
        {"trust_domain", profile.trust_domain},
        {"user", profile.user},
        {"groups", profile.groups},
        {"session_id", profile.session_id},
        {"session_expires", text_of(profile.session_expires)},
        {"renew_after", text_of(profile.renew_after)},
        {"catalogue", to_json(profile.catalogue)},
    };
    return json_file_text(json);
}

Result<std::filesystem::path> ProfileFolder::default_path() {
    if (auto folder = state_folder(); !folder.empty()) {
        return folder;
    }
    return Failure{
        Code::config_invalid,
        "there is no folder for the login: neither XDG_STATE_HOME nor HOME nor STATE_DIRECTORY is set"};
}

Result<ProfileFolder> ProfileFolder::open(const std::filesystem::path& path) {
    if (auto made = create_directory(path, 0700); !made) {
        return made.error();
    }
    struct stat info {};
    if (::stat(path.c_str(), &info) != 0) {
        return Failure{Code::io_failed,
                       fmt::format("cannot look at {}: {}", path.string(), std::strerror(errno))};
    }
    if (info.st_uid != ::geteuid()) {
        return Failure{Code::config_invalid,
                       fmt::format("{} belongs to another user (uid {})", path.string(), info.st_uid)};
    }
    if ((info.st_mode & 0077) != 0) {
        return Failure{Code::config_invalid,
                       fmt::format("others may look into {} (mode {:04o}); run: chmod 700 {}", path.string(),
                                   info.st_mode & 07777U, path.string())};
    }
    return ProfileFolder(path);
}

Result<Profile> ProfileFolder::load() const {
    auto text = read_file(path_ / "profile.json");
    if (!text) {
        return text.error();
    }
    return profile_from_json(*text);
}

Result<void> ProfileFolder::save(const Profile& profile) const {
    return write_file(path_ / "profile.json", to_json_text(profile), 0600);
}

Result<UniqueFd> ProfileFolder::open_lock(const char* name) const {
    UniqueFd fd(::open((path_ / name).c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    const int why = errno;
    if (!fd) {
        // The disk may be read-only. flock(2) works on an existing file that is opened for reading.
        fd = UniqueFd(::open((path_ / name).c_str(), O_RDONLY | O_CLOEXEC));
    }
    if (!fd) {
        return Failure{Code::io_failed,
                       fmt::format("cannot open {}: {}", (path_ / name).string(), std::strerror(why))};
    }
    return fd;
}

Result<FolderLock> ProfileFolder::lock(const char* name) const {
    auto fd = open_lock(name);
    if (!fd) {
        return fd.error();
    }
    while (::flock(fd->get(), LOCK_EX) != 0) {
        if (errno != EINTR) {
            return Failure{Code::io_failed, fmt::format("cannot lock {}: {}", name, std::strerror(errno))};
        }
    }
    return FolderLock(*std::move(fd));
}

Result<FolderLock> ProfileFolder::try_lock(const char* name) const {
    auto fd = open_lock(name);
    if (!fd) {
        return fd.error();
    }
    if (::flock(fd->get(), LOCK_EX | LOCK_NB) != 0) {
        return Failure{errno == EWOULDBLOCK ? Code::already_exists : Code::io_failed,
                       fmt::format("cannot lock {}: {}", name, std::strerror(errno))};
    }
    return FolderLock(*std::move(fd));
}

}  // namespace postern::client

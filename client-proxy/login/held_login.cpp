#include "client-proxy/login/held_login.hpp"

#include <fmt/format.h>

namespace postern::client {

LoginPtr newest_login(const ProfileFolder& folder, const HeldLogin& held) {
    const auto on_disk = Login::load(folder);
    if (!on_disk) {
        return nullptr;
    }
    const bool is_held = held.unkept && held.unkept->replaces == (*on_disk)->certificate().fingerprint();
    return is_held ? held.login : *on_disk;
}

Result<void> keep(const ProfileFolder& folder, const UnkeptLogin& login) {
    return keep_login(folder, login.profile, login.answer, login.trust ? &*login.trust : nullptr);
}

Result<void> keep_unkept(const ProfileFolder& folder, const UnkeptLogin& unkept) {
    auto lock = folder.lock("login.lock");
    if (!lock) {
        return lock.error();
    }
    const auto on_disk = Login::load(folder);
    const bool is_expected = on_disk && (*on_disk)->certificate().fingerprint() == unkept.replaces;
    return is_expected ? keep(folder, unkept) : Result<void>();
}

Refusal unkept_refusal(const Failure& why) {
    return {
        why.code,
        fmt::format("the renewed login certificate is in use and on no disk: {}", why.detail),
        "Make room on the disk: it is tried again. Until then a restart of the agent needs a new login, and "
        "programs with TLS of their own read the old certificate.",
        {}};
}

std::filesystem::file_time_type write_time(const std::filesystem::path& path) {
    std::error_code error;
    const auto time = std::filesystem::last_write_time(path, error);
    return error ? std::filesystem::file_time_type::min() : time;
}

}  // namespace postern::client

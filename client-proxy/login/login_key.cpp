#include "client-proxy/login/login_key.hpp"

#include <mutex>
#include <utility>

#include <fmt/format.h>

#include "base/file.hpp"
#include "base/hex.hpp"
#include "client-proxy/platform/keyring.hpp"
#include "pki/digest.hpp"
#include "pki/token_key.hpp"
#include "pki/tpm_key.hpp"

namespace postern::client {

namespace {

constexpr std::string_view kKeyringHead = "-----BEGIN POSTERN KEYRING KEY-----\nid: ";
constexpr std::string_view kKeyringFoot = "\n-----END POSTERN KEYRING KEY-----\n";
constexpr std::size_t kIdBytes = 16;

/// The id of the keyring entry to which `file` refers; empty when it refers to none.
std::string keyring_id(std::string_view file) {
    if (!file.starts_with(kKeyringHead) || !file.ends_with(kKeyringFoot)) {
        return {};
    }
    file.remove_prefix(kKeyringHead.size());
    file.remove_suffix(kKeyringFoot.size());
    return file.size() == kIdBytes * 2 && from_hex(file) ? std::string(file) : std::string();
}

Result<NewLoginKey> make_exportable(const std::string& store, const std::string& user) {
    auto key = pki::PrivateKey::generate_p256();
    if (!key) {
        return key.error();
    }
    auto pem = key->to_pem();
    if (!pem) {
        return pem.error();
    }
    if (store == "file") {
        return NewLoginKey{*std::move(key), *std::move(pem)};
    }
    const std::string id = to_hex(pki::random_bytes(kIdBytes));
    if (auto kept = keyring::store(id, fmt::format("Postern login key of {}", user), *pem); !kept) {
        return kept.error();
    }
    return NewLoginKey{*std::move(key), Secret(fmt::format("{}{}{}", kKeyringHead, id, kKeyringFoot))};
}

/// Caches the last secret in this process, which holds the key anyway, so that a keyring that was locked in
/// the meantime does not ask the person again.
Result<Secret> from_keyring(const std::string& id) {
    static std::mutex mutex;
    static std::string known_id;
    static Secret known;
    const std::lock_guard lock(mutex);
    if (id != known_id) {
        auto found = keyring::find(id);
        if (!found) {
            return found.error();
        }
        known = *std::move(found);
        known_id = id;
    }
    return known;
}

}  // namespace

Result<NewLoginKey> make_login_key(const KeyPreferences& wanted, const std::string& user) {
    if (wanted.store == "file" || wanted.store == "keyring") {
        return make_exportable(wanted.store, user);
    }
    const pki::TokenKeyPlace place{wanted.uri, wanted.module, wanted.pin_file};
    auto pem = wanted.store == "tpm2" ? pki::make_tpm_key_pem() : pki::to_pem(place);
    if (!pem) {
        return pem.error();
    }
    auto key = pki::PrivateKey::from_pem(*pem);
    if (!key) {
        return key.error();
    }
    return NewLoginKey{*std::move(key), Secret(*std::move(pem))};
}

Result<pki::PrivateKey> load_login_key(const ProfileFolder& folder) {
    const auto file = read_file(folder.login_key());
    const std::string id = file ? keyring_id(*file) : std::string();
    if (id.empty()) {
        return pki::PrivateKey::load(folder.login_key());
    }
    const auto pem = from_keyring(id);
    if (!pem) {
        // A key that is missing in the keyring is a damaged login, not the absence of one.
        return pem.error().code == Code::not_found ? Failure{Code::unavailable, pem.error().detail}
                                                   : pem.error();
    }
    return pki::PrivateKey::from_pem(pem->reveal());
}

void forget_login_key(std::string_view file) {
    if (const std::string id = keyring_id(file); !id.empty()) {
        // A key that cannot be removed is useless without its login session, which ends.
        [[maybe_unused]] const auto ignored = keyring::forget(id);
    }
}

void forget_login_key(const ProfileFolder& folder) {
    if (const auto file = read_file(folder.login_key())) {
        forget_login_key(*file);
    }
    std::error_code ignored;
    std::filesystem::remove(folder.login_key(), ignored);
}

bool has_key_file(const ProfileFolder& folder) {
    const auto file = read_file(folder.login_key());
    return file && keyring_id(*file).empty() && file->find(pki::kTpmKeyLabel) == file->npos &&
           file->find(pki::kTokenKeyLabel) == file->npos;
}

std::string place_of_key(const ProfileFolder& folder) {
    if (has_key_file(folder)) {
        return folder.login_key().string();
    }
    const auto file = read_file(folder.login_key());
    const std::string_view place = !file                                         ? "missing"
                                   : !keyring_id(*file).empty()                  ? "in the desktop's keyring"
                                   : file->find(pki::kTpmKeyLabel) != file->npos ? "in the TPM"
                                                                                 : "on a token";
    return fmt::format("{}; programs with TLS of their own cannot use it", place);
}

}  // namespace postern::client

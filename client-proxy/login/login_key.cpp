#include "client-proxy/login/login_key.hpp"

#include <utility>

#include "pki/device_key.hpp"
#include "pki/token_key.hpp"
#include "pki/tpm_key.hpp"

namespace postern::client {

Result<NewLoginKey> make_login_key(const KeyPreferences& wanted) {
    if (wanted.store == "file") {
        auto key = pki::PrivateKey::generate_p256();
        if (!key) {
            return key.error();
        }
        auto pem = key->to_pem();
        if (!pem) {
            return pem.error();
        }
        return NewLoginKey{*std::move(key), *std::move(pem)};
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

std::string_view place_of(const pki::PrivateKey& key) {
    return pki::is_on_device(key) ? "in a device (TPM or token); programs with TLS of their own cannot use it"
                                  : "in a file";
}

}  // namespace postern::client

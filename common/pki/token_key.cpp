// Debian 12 has no PKCS#11 provider for OpenSSL 3.0. Engines are deprecated there, but work.
#define OPENSSL_SUPPRESS_DEPRECATED
#include "pki/token_key.hpp"

#include <string.h>

#include <map>
#include <mutex>
#include <utility>

#include <openssl/engine.h>
#include <openssl/ui.h>

#include "base/file.hpp"
#include "base/secret.hpp"

namespace postern::pki {

namespace {

/// A PIN that the token refused, and the failure that it caused.
struct RefusedPin {
    Secret pin;
    Failure failure;
};

/// The engine and the keys that were opened. They live as long as the process, because keys are used until
/// its end.
struct Tokens {
    std::mutex mutex;
    ENGINE* engine = nullptr;
    std::filesystem::path module;
    std::map<std::string, EvpKeyPtr> keys;
    std::map<std::string, RefusedPin> refused_pins;
};

Tokens& tokens() {
    static auto* const all = new Tokens;
    return *all;
}

/// Loads the engine with `module` at the first call. Call it under the mutex.
Result<void> open_engine(Tokens& all, const std::filesystem::path& module) {
    if (all.engine != nullptr) {
        if (all.module == module) {
            return Result<void>();
        }
        return Failure{Code::config_invalid, "another PKCS#11 module is in use already; start again"};
    }
    ENGINE_load_dynamic();
    ENGINE* const engine = ENGINE_by_id("pkcs11");
    if (engine == nullptr) {
        return openssl_failure(
            Code::unavailable,
            "OpenSSL's engine for PKCS#11 cannot be loaded (Debian: apt install libengine-pkcs11-openssl)");
    }
    const bool is_open =
        (module.empty() || ENGINE_ctrl_cmd_string(engine, "MODULE_PATH", module.c_str(), 0) == 1) &&
        ENGINE_init(engine) == 1;
    if (!is_open) {
        ENGINE_free(engine);
        return openssl_failure(Code::unavailable, "the PKCS#11 module cannot be used: " + module.string());
    }
    all.engine = engine;
    all.module = module;
    return Result<void>();
}

/// The first line of a private file; empty if `file` is empty.
Result<Secret> read_pin(const std::filesystem::path& file) {
    if (file.empty()) {
        return Secret();
    }
    if (const auto is_private = check_private(file); !is_private) {
        return is_private.error();
    }
    auto content = read_file(file, 1024);
    if (!content) {
        return content.error();
    }
    const Secret whole(*std::move(content));
    return Secret(whole.reveal().substr(0, whole.reveal().find_first_of("\r\n")));
}

/// Another reference to the same key.
EvpKeyPtr another(const EvpKeyPtr& key) {
    EVP_PKEY_up_ref(key.get());
    return EvpKeyPtr(key.get());
}

constexpr std::string_view kBegin = "-----BEGIN POSTERN TOKEN KEY-----\n";
constexpr std::string_view kEnd = "-----END POSTERN TOKEN KEY-----\n";

}  // namespace

Result<std::string> to_pem(const TokenKeyPlace& place) {
    std::string pem(kBegin);
    for (const auto& [name, value] : {std::pair{"uri", place.uri}, std::pair{"module", place.module.string()},
                                      std::pair{"pin-file", place.pin_file.string()}}) {
        if (value.find_first_of("\r\n") != value.npos) {
            return Failure{Code::config_invalid, std::string(name) + " of the key holds a line break"};
        }
        if (!value.empty()) {
            pem.append(name).append(": ").append(value).append("\n");
        }
    }
    return pem.append(kEnd);
}

Result<TokenKeyPlace> token_key_place_from_pem(std::string_view pem) {
    const Failure damaged{Code::config_invalid, "the file that names the token's key is damaged"};
    if (!pem.starts_with(kBegin) || !pem.ends_with(kEnd)) {
        return damaged;
    }
    pem = pem.substr(kBegin.size(), pem.size() - kBegin.size() - kEnd.size());
    TokenKeyPlace place;
    while (!pem.empty()) {
        const auto end = pem.find('\n');
        const auto colon = pem.find(": ");
        if (end == pem.npos || colon == pem.npos || colon > end) {
            return damaged;
        }
        const std::string_view name = pem.substr(0, colon);
        const std::string value(pem.substr(colon + 2, end - colon - 2));
        pem.remove_prefix(end + 1);
        if (name == "uri") {
            place.uri = value;
        } else if (name == "module") {
            place.module = value;
        } else if (name == "pin-file") {
            place.pin_file = value;
        } else {
            return damaged;
        }
    }
    return place;
}

Result<EvpKeyPtr> open_token_key(const TokenKeyPlace& place) {
    if (!place.uri.starts_with("pkcs11:")) {
        return Failure{Code::config_invalid, "a key on a token is named by a URI: pkcs11:token=…;object=…"};
    }
    if (place.uri.find("pin-value") != std::string::npos) {
        return Failure{Code::config_invalid,
                       "the token's PIN does not belong into the URI; put it into a file: pin_file"};
    }
    if (!place.module.empty() && !std::filesystem::exists(place.module)) {
        return Failure{Code::config_invalid, "there is no PKCS#11 module " + place.module.string()};
    }
    Tokens& all = tokens();
    const std::lock_guard lock(all.mutex);
    const ErrorQueueScope errors;
    if (const auto known = all.keys.find(place.uri); known != all.keys.end()) {
        return another(known->second);
    }
    const auto pin = read_pin(place.pin_file);
    if (!pin) {
        return with_context("the token's PIN", pin.error());
    }
    if (const auto refused = all.refused_pins.find(place.uri);
        refused != all.refused_pins.end() && refused->second.pin.reveal() == pin->reveal()) {
        return refused->second.failure;
    }
    if (const auto opened = open_engine(all, place.module); !opened) {
        return opened.error();
    }
    std::string pin_text(pin->reveal());
    const bool is_handed =
        pin_text.empty() || ENGINE_ctrl_cmd_string(all.engine, "PIN", pin_text.c_str(), 0) == 1;
    explicit_bzero(pin_text.data(), pin_text.size());
    if (!is_handed) {
        return openssl_failure(Code::unavailable, "handing the PIN to the token");
    }
    // With UI_null() the engine cannot prompt at the terminal.
    EvpKeyPtr key(
        ENGINE_load_private_key(all.engine, place.uri.c_str(), const_cast<UI_METHOD*>(UI_null()), nullptr));
    if (!key) {
        Failure failure = openssl_failure(Code::unavailable, {});
        const bool is_about_pin = failure.detail.find("PIN ") != std::string::npos;
        failure.detail.insert(
            0, "the token gives no key (is it there, is the PIN right, is there such an object?)");
        if (is_about_pin) {
            all.refused_pins.insert_or_assign(place.uri, RefusedPin{*pin, failure});
        }
        return failure;
    }
    auto copy = another(key);
    all.keys.emplace(place.uri, std::move(key));
    return copy;
}

}  // namespace postern::pki

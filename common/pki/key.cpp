#include "pki/key.hpp"

#include <cstring>

#include <openssl/core_names.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/x509.h>

#include "base/file.hpp"
#include "pki/device_key.hpp"
#include "pki/digest.hpp"
#include "pki/pem.hpp"
#include "pki/token_key.hpp"
#include "pki/tpm_key.hpp"

namespace postern::pki {

namespace {

/// OWASP's recommendation for PBKDF2-HMAC-SHA256.
constexpr int kPassphraseIterations = 600'000;

using Pkcs8Ptr = std::unique_ptr<PKCS8_PRIV_KEY_INFO, Freer<PKCS8_PRIV_KEY_INFO_free>>;
using EncryptedPkcs8Ptr = std::unique_ptr<X509_SIG, Freer<X509_SIG_free>>;
using AlgorithmPtr = std::unique_ptr<X509_ALGOR, Freer<X509_ALGOR_free>>;

std::shared_ptr<EVP_PKEY> shared(EvpKeyPtr key) {
    return std::shared_ptr<EVP_PKEY>(std::move(key));
}

/// OpenSSL's passphrase callback, which answers with the Secret and never from a terminal.
int give_passphrase(char* buffer, int size, int /*for_writing*/, void* secret) {
    const std::string_view passphrase = static_cast<const Secret*>(secret)->reveal();
    if (passphrase.empty() || passphrase.size() > static_cast<std::size_t>(size)) {
        return -1;
    }
    std::memcpy(buffer, passphrase.data(), passphrase.size());
    return static_cast<int>(passphrase.size());
}

Result<std::string> public_der(EVP_PKEY* key) {
    const ErrorQueueScope errors;
    unsigned char* bytes = nullptr;
    const int length = i2d_PUBKEY(key, &bytes);
    if (length < 0) {
        return openssl_failure(Code::internal, "public key");
    }
    std::string der(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(length));
    OPENSSL_free(bytes);
    return der;
}

Result<EvpKeyPtr> public_from_der(std::string_view der) {
    const ErrorQueueScope errors;
    const auto* at = reinterpret_cast<const unsigned char*>(der.data());
    const unsigned char* const end = at + der.size();
    EvpKeyPtr key(d2i_PUBKEY(nullptr, &at, static_cast<long>(der.size())));
    if (!key) {
        return openssl_failure(Code::malformed_request, "not a public key");
    }
    if (at != end) {
        return Failure{Code::malformed_request, "bytes behind the public key"};
    }
    return key;
}

/// Writes PKCS#8 encrypted with AES-256-CBC and PBKDF2 (RFC 8018). PEM_write_bio_PKCS8PrivateKey would use
/// only 2048 iterations.
bool write_encrypted(BIO* bio, PKCS8_PRIV_KEY_INFO* plain, std::string_view passphrase) {
    AlgorithmPtr algorithm(
        PKCS5_pbe2_set_iv(EVP_aes_256_cbc(), kPassphraseIterations, nullptr, 0, nullptr, NID_hmacWithSHA256));
    if (!algorithm) {
        return false;
    }
    const EncryptedPkcs8Ptr encrypted(
        PKCS8_set0_pbe(passphrase.data(), static_cast<int>(passphrase.size()), plain, algorithm.get()));
    if (!encrypted) {
        return false;
    }
    // The encrypted key owns it now.
    static_cast<void>(algorithm.release());
    return PEM_write_bio_PKCS8(bio, encrypted.get()) == 1;
}

}  // namespace

Result<PrivateKey> PrivateKey::generate_p256() {
    const ErrorQueueScope errors;
    EvpKeyPtr key(EVP_EC_gen("P-256"));
    if (!key) {
        return openssl_failure(Code::internal, "cannot make a P-256 key");
    }
    return PrivateKey(shared(std::move(key)));
}

Result<PrivateKey> PrivateKey::generate_ed25519() {
    const ErrorQueueScope errors;
    EvpKeyPtr key(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
    if (!key) {
        return openssl_failure(Code::internal, "cannot make an Ed25519 key");
    }
    return PrivateKey(shared(std::move(key)));
}

bool is_on_device(const PrivateKey& key) noexcept {
    // Since OpenSSL 3.0 its own keys belong to a provider; keys with a signing method of their own cannot.
    return EVP_PKEY_get0_provider(key.get()) == nullptr;
}

Result<PrivateKey> PrivateKey::from_pem(std::string_view pem, const Secret& passphrase) {
    if (pem.find(kTpmKeyLabel) != pem.npos) {
        Result<EvpKeyPtr> key = open_tpm_key(pem);
        if (!key) {
            return key.error();
        }
        return PrivateKey(shared(std::move(*key)));
    }
    if (pem.find(kTokenKeyLabel) != pem.npos) {
        const Result<TokenKeyPlace> place = token_key_place_from_pem(pem);
        if (!place) {
            return place.error();
        }
        Result<EvpKeyPtr> key = open_token_key(*place);
        if (!key) {
            return key.error();
        }
        return PrivateKey(shared(std::move(*key)));
    }
    const BioPtr bio = read_only_bio(pem);
    const ErrorQueueScope errors;
    EvpKeyPtr key(
        PEM_read_bio_PrivateKey(bio.get(), nullptr, give_passphrase, const_cast<Secret*>(&passphrase)));
    if (!key) {
        const std::string_view what =
            pem.find("ENCRYPTED") == std::string_view::npos
                ? "not a private key in PEM"
                : "the private key is encrypted and this passphrase does not open it";
        return openssl_failure(Code::config_invalid, what);
    }
    return PrivateKey(shared(std::move(key)));
}

Result<PrivateKey> PrivateKey::load(const std::filesystem::path& path, const Secret& passphrase) {
    const Result<void> is_private = check_private(path);
    if (!is_private) {
        return is_private.error();
    }
    Result<std::string> content = read_file(path);
    if (!content) {
        return content.error();
    }
    const Secret pem(std::move(*content));
    Result<PrivateKey> key = from_pem(pem.reveal(), passphrase);
    if (!key) {
        return with_context(path.string(), key.error());
    }
    return key;
}

Result<Secret> PrivateKey::to_pem(const Secret& passphrase) const {
    if (is_on_device(*this)) {
        return Failure{Code::config_invalid, "the private key is in a device, which does not give it away"};
    }
    const ErrorQueueScope errors;
    const Pkcs8Ptr plain(EVP_PKEY2PKCS8(get()));
    // A memory BIO wipes itself when it is freed.
    const BioPtr bio(BIO_new(BIO_s_mem()));
    const bool is_written =
        plain && bio &&
        (passphrase.is_empty() ? PEM_write_bio_PKCS8_PRIV_KEY_INFO(bio.get(), plain.get()) == 1
                               : write_encrypted(bio.get(), plain.get(), passphrase.reveal()));
    if (!is_written) {
        return openssl_failure(Code::internal, "cannot write the private key");
    }
    char* text = nullptr;
    const long length = BIO_get_mem_data(bio.get(), &text);
    return Secret(std::string_view(text, static_cast<std::size_t>(length)));
}

Result<void> PrivateKey::save(const std::filesystem::path& path, const Secret& passphrase) const {
    const Result<Secret> pem = to_pem(passphrase);
    if (!pem) {
        return pem.error();
    }
    return write_file(path, pem->reveal(), 0600);
}

Result<std::vector<unsigned char>> PrivateKey::sign_ed25519(std::string_view message) const {
    if (EVP_PKEY_get_base_id(get()) != EVP_PKEY_ED25519) {
        return Failure{Code::config_invalid, "the key is not of the kind Ed25519"};
    }
    const ErrorQueueScope errors;
    const EvpMdCtxPtr context(EVP_MD_CTX_new());
    std::vector<unsigned char> signature(64);
    std::size_t length = signature.size();
    if (!context || EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, get()) != 1 ||
        EVP_DigestSign(context.get(), signature.data(), &length,
                       reinterpret_cast<const unsigned char*>(message.data()), message.size()) != 1 ||
        length != signature.size()) {
        return openssl_failure(Code::internal, "cannot sign");
    }
    return signature;
}

Result<PublicKey> PrivateKey::public_key() const {
    const Result<std::string> der = public_der(get());
    if (!der) {
        return der.error();
    }
    Result<EvpKeyPtr> key = public_from_der(*der);
    if (!key) {
        return key.error();
    }
    return PublicKey::from_evp(std::move(*key));
}

Result<std::string> PrivateKey::public_pem() const {
    const ErrorQueueScope errors;
    const BioPtr bio(BIO_new(BIO_s_mem()));
    if (!bio || PEM_write_bio_PUBKEY(bio.get(), get()) != 1) {
        return openssl_failure(Code::internal, "cannot write the public key");
    }
    char* text = nullptr;
    const long length = BIO_get_mem_data(bio.get(), &text);
    return std::string(text, static_cast<std::size_t>(length));
}

Result<PublicKey> PublicKey::from_pem(std::string_view pem) {
    const Result<std::vector<PemBlock>> blocks = read_pem(pem, Code::malformed_request, 1);
    if (!blocks) {
        return blocks.error();
    }
    if (blocks->front().label != PEM_STRING_PUBLIC) {
        return Failure{Code::malformed_request, "not a PEM public key"};
    }
    Result<EvpKeyPtr> key = public_from_der(blocks->front().der);
    if (!key) {
        return key.error();
    }
    return from_evp(std::move(*key));
}

Result<PublicKey> PublicKey::from_evp(EvpKeyPtr key) {
    if (!key) {
        return openssl_failure(Code::malformed_request, "no public key");
    }
    return PublicKey(shared(std::move(key)));
}

bool PublicKey::verify_ed25519(std::string_view message, std::string_view signature) const {
    if (EVP_PKEY_get_base_id(get()) != EVP_PKEY_ED25519) {
        return false;
    }
    const ErrorQueueScope errors;
    const EvpMdCtxPtr context(EVP_MD_CTX_new());
    const bool is_valid =
        context && EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, get()) == 1 &&
        EVP_DigestVerify(context.get(), reinterpret_cast<const unsigned char*>(signature.data()),
                         signature.size(), reinterpret_cast<const unsigned char*>(message.data()),
                         message.size()) == 1;
    return is_valid;
}

std::string PublicKey::fingerprint() const {
    const Result<std::string> der = public_der(get());
    return sha256_hex(der.value());
}

}  // namespace postern::pki

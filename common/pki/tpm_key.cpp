// OpenSSL 3.0 would take the provider's key for one of its own and look for its private half. A key with a
// signing method of its own works in whatever library context TLS uses. The provider is therefore loaded into
// one separate context, and nothing else is computed in the TPM by accident.
#define OPENSSL_SUPPRESS_DEPRECATED
#include "pki/tpm_key.hpp"

#include <memory>
#include <mutex>

#include <openssl/decoder.h>
#include <openssl/ec.h>
#include <openssl/encoder.h>
#include <openssl/provider.h>

namespace postern::pki {

namespace {

constexpr const char* kInTpm = "provider=tpm2";

using EncoderPtr = std::unique_ptr<OSSL_ENCODER_CTX, Freer<OSSL_ENCODER_CTX_free>>;
using DecoderPtr = std::unique_ptr<OSSL_DECODER_CTX, Freer<OSSL_DECODER_CTX_free>>;
using EcKeyPtr = std::unique_ptr<EC_KEY, Freer<EC_KEY_free>>;

/// The library context that has the provider. It lives as long as the process, because keys are used until
/// its end.
struct Tpm {
    OSSL_LIB_CTX* context = nullptr;
    bool is_there = false;
    /// The TPM executes one command at a time.
    std::mutex mutex;
};

Tpm& tpm() {
    static Tpm* const opened = [] {
        auto* made = new Tpm;
        made->context = OSSL_LIB_CTX_new();
        made->is_there = made->context != nullptr &&
                         OSSL_PROVIDER_load(made->context, "default") != nullptr &&
                         OSSL_PROVIDER_load(made->context, "tpm2") != nullptr;
        return made;
    }();
    return *opened;
}

Failure no_provider() {
    return openssl_failure(Code::unavailable,
                           "the TPM cannot be reached (is there one, may you use it: group tss, is OpenSSL's "
                           "provider there: apt install tpm2-openssl)");
}

/// The EC_KEY ex_data index of the TPM's key, which the EC_KEY owns.
int signer_index() {
    static const int index = EC_KEY_get_ex_new_index(0, nullptr, nullptr, nullptr,
                                                     [](void*, void* key, CRYPTO_EX_DATA*, int, long, void*) {
                                                         EVP_PKEY_free(static_cast<EVP_PKEY*>(key));
                                                     });
    return index;
}

/// The digest algorithm with that output size.
const EVP_MD* digest_of(int bytes) {
    return bytes == 48 ? EVP_sha384() : bytes == 64 ? EVP_sha512() : EVP_sha256();
}

/// The signing function of the EC_KEY_METHOD: makes a DER signature of a digest.
int sign_in_tpm(int /*type*/, const unsigned char* digest, int digest_bytes, unsigned char* signature,
                unsigned* size, const BIGNUM*, const BIGNUM*, EC_KEY* key) {
    auto* const in_tpm = static_cast<EVP_PKEY*>(EC_KEY_get_ex_data(key, signer_index()));
    Tpm& device = tpm();
    const std::lock_guard lock(device.mutex);
    const EvpKeyCtxPtr context(EVP_PKEY_CTX_new_from_pkey(device.context, in_tpm, kInTpm));
    auto length = static_cast<std::size_t>(EVP_PKEY_get_size(in_tpm));
    if (!context || EVP_PKEY_sign_init(context.get()) != 1 ||
        EVP_PKEY_CTX_set_signature_md(context.get(), digest_of(digest_bytes)) != 1 ||
        EVP_PKEY_sign(context.get(), signature, &length, digest, static_cast<std::size_t>(digest_bytes)) !=
            1) {
        return 0;
    }
    *size = static_cast<unsigned>(length);
    return 1;
}

const EC_KEY_METHOD* tpm_method() {
    static const EC_KEY_METHOD* const method = [] {
        EC_KEY_METHOD* made = EC_KEY_METHOD_new(EC_KEY_OpenSSL());
        EC_KEY_METHOD_set_sign(made, &sign_in_tpm, nullptr, nullptr);
        return made;
    }();
    return method;
}

/// Wraps a key in the TPM into an EC key that signs with it.
Result<EvpKeyPtr> around(EvpKeyPtr in_tpm) {
    unsigned char* der = nullptr;
    const int length = i2d_PUBKEY(in_tpm.get(), &der);
    if (length <= 0) {
        return openssl_failure(Code::internal, "the public half of the TPM's key");
    }
    const unsigned char* at = der;
    const EvpKeyPtr shown(d2i_PUBKEY(nullptr, &at, length));
    OPENSSL_free(der);
    EcKeyPtr key(shown ? EVP_PKEY_get1_EC_KEY(shown.get()) : nullptr);
    EvpKeyPtr whole(EVP_PKEY_new());
    if (!key || !whole || EC_KEY_set_method(key.get(), tpm_method()) != 1 ||
        EC_KEY_set_ex_data(key.get(), signer_index(), in_tpm.get()) != 1) {
        return openssl_failure(Code::internal, "using the TPM's key");
    }
    static_cast<void>(in_tpm.release());
    if (EVP_PKEY_assign_EC_KEY(whole.get(), key.get()) != 1) {
        return openssl_failure(Code::internal, "using the TPM's key");
    }
    static_cast<void>(key.release());
    return whole;
}

}  // namespace

Result<std::string> make_tpm_key_pem() {
    const ErrorQueueScope errors;
    Tpm& device = tpm();
    if (!device.is_there) {
        return no_provider();
    }
    const std::lock_guard lock(device.mutex);
    const EvpKeyCtxPtr context(EVP_PKEY_CTX_new_from_name(device.context, "EC", kInTpm));
    EVP_PKEY* made = nullptr;
    if (!context || EVP_PKEY_keygen_init(context.get()) != 1 ||
        EVP_PKEY_CTX_set_group_name(context.get(), "P-256") != 1 ||
        EVP_PKEY_generate(context.get(), &made) != 1) {
        return openssl_failure(Code::unavailable,
                               "the TPM makes no key (is there one, and may you use it? Debian: group tss)");
    }
    const EvpKeyPtr key(made);
    const EncoderPtr encoder(
        OSSL_ENCODER_CTX_new_for_pkey(key.get(), OSSL_KEYMGMT_SELECT_ALL, "PEM", nullptr, kInTpm));
    const BioPtr bio(BIO_new(BIO_s_mem()));
    if (!encoder || !bio || OSSL_ENCODER_to_bio(encoder.get(), bio.get()) != 1) {
        return openssl_failure(Code::internal, "writing the TPM's key");
    }
    char* text = nullptr;
    const long length = BIO_get_mem_data(bio.get(), &text);
    std::string pem(text, static_cast<std::size_t>(length));
    if (pem.find(kTpmKeyLabel) == pem.npos) {
        return Failure{Code::internal, "the TPM's key was not wrapped"};
    }
    return pem;
}

Result<EvpKeyPtr> open_tpm_key(std::string_view pem) {
    const BioPtr bio = read_only_bio(pem);
    const ErrorQueueScope errors;
    Tpm& device = tpm();
    if (!device.is_there) {
        return no_provider();
    }
    EVP_PKEY* read = nullptr;
    bool is_read = false;
    {
        const std::lock_guard lock(device.mutex);
        const DecoderPtr decoder(OSSL_DECODER_CTX_new_for_pkey(&read, "PEM", nullptr, nullptr, 0,
                                                               device.context, "?provider=tpm2"));
        is_read = decoder && OSSL_DECODER_from_bio(decoder.get(), bio.get()) == 1;
    }
    EvpKeyPtr key(read);
    if (!is_read || !key) {
        return openssl_failure(Code::unavailable,
                               "the TPM does not take the key (another TPM made it, or there is none)");
    }
    return around(std::move(key));
}

}  // namespace postern::pki

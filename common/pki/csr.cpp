#include "pki/csr.hpp"

#include <openssl/core_names.h>
#include <openssl/pem.h>

#include "pki/pem.hpp"

namespace postern::pki {

namespace {

constexpr std::size_t kMaximumBytes = 16384;

/// Whether an EC key is on one of the two named curves. Explicit curve parameters are refused even when they
/// equal a named curve, because others would have to compute with them.
bool is_accepted_ec(const EVP_PKEY* key) {
    char name[64];
    std::size_t length = 0;
    if (EVP_PKEY_get_group_name(key, name, sizeof name, &length) != 1) {
        return false;
    }
    const std::string_view curve(name, length);
    if (curve != SN_X9_62_prime256v1 && curve != SN_secp384r1) {
        return false;
    }
    int is_explicit = 1;
    return EVP_PKEY_get_int_param(key, OSSL_PKEY_PARAM_EC_DECODED_FROM_EXPLICIT_PARAMS, &is_explicit) == 1 &&
           is_explicit == 0;
}

/// Whether an RSA key has an accepted size and the usual exponent; a huge exponent would make each
/// verification slow.
bool is_accepted_rsa(const EVP_PKEY* key) {
    const int bits = EVP_PKEY_get_bits(key);
    if (bits < 2048 || bits > 4096) {
        return false;
    }
    BIGNUM* raw = nullptr;
    const int is_read = EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_E, &raw);
    const BignumPtr exponent(raw);
    return is_read == 1 && BN_is_word(exponent.get(), RSA_F4) == 1;
}

bool is_accepted(const EVP_PKEY* key) {
    switch (EVP_PKEY_get_base_id(key)) {
        case EVP_PKEY_EC:
            return is_accepted_ec(key);
        case EVP_PKEY_RSA:
            return is_accepted_rsa(key);
        case EVP_PKEY_ED25519:
            return true;
        default:
            return false;
    }
}

}  // namespace

Result<std::string> make_csr_pem(const PrivateKey& key, std::string_view common_name) {
    const ErrorQueueScope errors;
    const X509ReqPtr request(X509_REQ_new());
    const EVP_MD* digest = EVP_PKEY_get_base_id(key.get()) == EVP_PKEY_ED25519 ? nullptr : EVP_sha256();
    const BioPtr bio(BIO_new(BIO_s_mem()));
    const bool is_written =
        request && bio && X509_REQ_set_version(request.get(), X509_REQ_VERSION_1) == 1 &&
        X509_NAME_add_entry_by_NID(X509_REQ_get_subject_name(request.get()), NID_commonName, MBSTRING_UTF8,
                                   reinterpret_cast<const unsigned char*>(common_name.data()),
                                   static_cast<int>(common_name.size()), -1, 0) == 1 &&
        X509_REQ_set_pubkey(request.get(), key.get()) == 1 &&
        X509_REQ_sign(request.get(), key.get(), digest) > 0 &&
        PEM_write_bio_X509_REQ(bio.get(), request.get()) == 1;
    if (!is_written) {
        return openssl_failure(Code::internal, "cannot make the certificate request");
    }
    char* text = nullptr;
    const long length = BIO_get_mem_data(bio.get(), &text);
    return std::string(text, static_cast<std::size_t>(length));
}

Result<PublicKey> public_key_from_csr(std::string_view pem) {
    if (pem.size() > kMaximumBytes) {
        return Failure{Code::malformed_request, "the certificate request is larger than 16 KiB"};
    }
    const Result<std::vector<PemBlock>> blocks = read_pem(pem, Code::malformed_request, 1);
    if (!blocks) {
        return blocks.error();
    }
    const PemBlock& block = blocks->front();
    if (block.label != PEM_STRING_X509_REQ && block.label != PEM_STRING_X509_REQ_OLD) {
        return Failure{Code::malformed_request, "the PEM text is no certificate request"};
    }
    const ErrorQueueScope errors;
    const auto* at = reinterpret_cast<const unsigned char*>(block.der.data());
    const unsigned char* const end = at + block.der.size();
    const X509ReqPtr request(d2i_X509_REQ(nullptr, &at, static_cast<long>(block.der.size())));
    if (!request) {
        return openssl_failure(Code::malformed_request, "not a certificate request");
    }
    if (at != end) {
        return Failure{Code::malformed_request, "bytes behind the certificate request"};
    }
    // RFC 2986, section 4.1, defines no other version.
    if (X509_REQ_get_version(request.get()) != X509_REQ_VERSION_1) {
        return Failure{Code::malformed_request, "the certificate request is not of version 1"};
    }
    EvpKeyPtr key(X509_REQ_get_pubkey(request.get()));
    if (!key) {
        return openssl_failure(Code::malformed_request, "the request's public key");
    }
    // The key is checked before the signature, because the cost of verifying depends on the key.
    if (!is_accepted(key.get())) {
        return Failure{
            Code::malformed_request,
            "the request's key must be ECDSA P-256 or P-384, RSA of 2048 to 4096 bits, or Ed25519"};
    }
    if (X509_REQ_verify(request.get(), key.get()) != 1) {
        return openssl_failure(Code::malformed_request, "the request is not signed by its own key");
    }
    return PublicKey::from_evp(std::move(key));
}

}  // namespace postern::pki

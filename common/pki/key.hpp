// Makes, reads and writes keys. A private key leaves its type only as PEM for a file of mode 0600.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "base/secret.hpp"
#include "pki/openssl.hpp"

namespace postern::pki {

class PublicKey;

/// Shares one immutable EVP_PKEY. Copies are cheap. Thread-safe.
class PrivateKey {
public:
    /// Make a new key. Fail with Code::internal.
    static Result<PrivateKey> generate_p256();
    static Result<PrivateKey> generate_ed25519();
    /// Parses PKCS#8 or traditional PEM, which is decrypted with `passphrase` if necessary, or the PEM of a
    /// key in a TPM or on a token (tpm_key.hpp, token_key.hpp). Never prompts. Fails with
    /// Code::config_invalid, and as open_tpm_key() and open_token_key() do.
    static Result<PrivateKey> from_pem(std::string_view pem, const Secret& passphrase = Secret());
    /// Reads a key from a file that passes check_private(). Fails as check_private(), read_file() and
    /// from_pem() do.
    static Result<PrivateKey> load(const std::filesystem::path& path, const Secret& passphrase = Secret());

    /// Formats the key as PKCS#8 PEM, encrypted with AES-256-CBC and PBKDF2 if a passphrase is given. Fails
    /// with Code::config_invalid for a key that is_on_device().
    Result<Secret> to_pem(const Secret& passphrase = Secret()) const;
    /// Writes the PEM atomically to a file of mode 0600. Fails as to_pem() and write_file() do.
    Result<void> save(const std::filesystem::path& path, const Secret& passphrase = Secret()) const;

    /// Signs `message` for verify_ed25519(). Fails with Code::config_invalid if the key is not Ed25519.
    Result<std::vector<unsigned char>> sign_ed25519(std::string_view message) const;
    /// The public half as a key.
    Result<PublicKey> public_key() const;
    /// The public half as SubjectPublicKeyInfo PEM.
    Result<std::string> public_pem() const;

    /// The OpenSSL object, still owned.
    EVP_PKEY* get() const noexcept { return key_.get(); }

private:
    explicit PrivateKey(std::shared_ptr<EVP_PKEY> key) : key_(std::move(key)) {}
    std::shared_ptr<EVP_PKEY> key_;
};

/// Shares one immutable EVP_PKEY. Copies are cheap. Thread-safe.
class PublicKey {
public:
    /// Parses SubjectPublicKeyInfo PEM. Fails with Code::malformed_request.
    static Result<PublicKey> from_pem(std::string_view pem);
    /// Takes ownership of `key`. Fails with Code::malformed_request if it is null.
    static Result<PublicKey> from_evp(EvpKeyPtr key);

    /// Whether `signature` is a valid signature of `message`; false for a key that is not Ed25519.
    bool verify_ed25519(std::string_view message, std::string_view signature) const;
    /// The SHA-256 digest of the SubjectPublicKeyInfo DER in lower-case hex.
    std::string fingerprint() const;
    EVP_PKEY* get() const noexcept { return key_.get(); }

private:
    explicit PublicKey(std::shared_ptr<EVP_PKEY> key) : key_(std::move(key)) {}
    std::shared_ptr<EVP_PKEY> key_;
};

}  // namespace postern::pki

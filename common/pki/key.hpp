// Private keys: made, read, written. A key never leaves this type but as PEM for a 0600 file.
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

/// Shares one immutable EVP_PKEY; copies are cheap; safe to use from several threads.
class PrivateKey {
public:
    static Result<PrivateKey> generate_p256();
    static Result<PrivateKey> generate_ed25519();
    /// PKCS#8 or traditional PEM, encrypted if `passphrase` is not empty. Never prompts.
    static Result<PrivateKey> from_pem(std::string_view pem, const Secret& passphrase = Secret());
    /// Reads the file after check_private().
    static Result<PrivateKey> load(const std::filesystem::path& path, const Secret& passphrase = Secret());

    /// PKCS#8 PEM; AES-256-CBC with PBKDF2 when a passphrase is given.
    Result<Secret> to_pem(const Secret& passphrase = Secret()) const;
    /// Writes the PEM with mode 0600, atomically.
    Result<void> save(const std::filesystem::path& path, const Secret& passphrase = Secret()) const;

    /// Ed25519 only: signs `message`. Verified by verify_ed25519().
    Result<std::vector<unsigned char>> sign_ed25519(std::string_view message) const;
    /// The public half alone.
    Result<PublicKey> public_key() const;
    /// The public half as SubjectPublicKeyInfo PEM.
    Result<std::string> public_pem() const;

    EVP_PKEY* get() const noexcept { return key_.get(); }

private:
    explicit PrivateKey(std::shared_ptr<EVP_PKEY> key) : key_(std::move(key)) {}
    std::shared_ptr<EVP_PKEY> key_;
};

class PublicKey {
public:
    /// SubjectPublicKeyInfo PEM.
    static Result<PublicKey> from_pem(std::string_view pem);
    static Result<PublicKey> from_evp(EvpKeyPtr key);

    bool verify_ed25519(std::string_view message, std::string_view signature) const;
    /// Lower-case hex SHA-256 of the SubjectPublicKeyInfo DER.
    std::string fingerprint() const;
    EVP_PKEY* get() const noexcept { return key_.get(); }

private:
    explicit PublicKey(std::shared_ptr<EVP_PKEY> key) : key_(std::move(key)) {}
    std::shared_ptr<EVP_PKEY> key_;
};

}  // namespace postern::pki

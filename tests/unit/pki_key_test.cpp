#include <sys/stat.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <set>
#include <string>

#include <gtest/gtest.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "base/file.hpp"
#include "pki/csr.hpp"
#include "pki/digest.hpp"
#include "pki/key.hpp"

namespace postern::pki {
namespace {

TEST(Sha256, IsTheOneOfTheStandard) {
    EXPECT_EQ(sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    EXPECT_EQ(sha256_hex(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

TEST(Base64, IsTheOneOfTheStandard) {
    // RFC 4648, section 10.
    const std::pair<std::string, std::string> vectors[] = {
        {"", ""},        {"f", "Zg=="},        {"fo", "Zm8="},
        {"foo", "Zm9v"}, {"foob", "Zm9vYg=="}, {"fooba", "Zm9vYmE="}};
    for (const auto& [bytes, text] : vectors) {
        EXPECT_EQ(base64(bytes), text);
        EXPECT_EQ(from_base64(text).value(), bytes);
    }
    std::string all;
    for (int i = 0; i < 256; ++i) {
        all += static_cast<char>(i);
    }
    EXPECT_EQ(from_base64(base64(all)).value(), all);
}

TEST(Base64, HasOneTextForEachBytes) {
    for (const auto* text :
         {"Z", "Zg", "Zg=", "Zh==", "Zm9=", "Zm9v\n", " Zm9v", "Zg==Zg==", "====", "Z===", "Zm-_"}) {
        EXPECT_FALSE(from_base64(text)) << text;
    }
}

TEST(RandomToken, IsUrlSafeAndNeverTheSame) {
    std::set<std::string> seen;
    for (int i = 0; i < 1000; ++i) {
        const std::string token(random_token(32).reveal());
        EXPECT_EQ(token.size(), 43U);
        EXPECT_EQ(token.find_first_of("+/="), std::string::npos);
        EXPECT_TRUE(seen.insert(token).second);
    }
}

TEST(EqualConstantTime, ComparesAllBytes) {
    EXPECT_TRUE(equal_constant_time("", ""));
    EXPECT_TRUE(equal_constant_time("secret", "secret"));
    EXPECT_FALSE(equal_constant_time("secret", "secreT"));
    EXPECT_FALSE(equal_constant_time("secret", "secre"));
}

class KeyFile : public testing::Test {
protected:
    KeyFile() {
        std::string name = (std::filesystem::temp_directory_path() / "postern-key-XXXXXX").string();
        folder_ = mkdtemp(name.data());
    }
    ~KeyFile() override { std::filesystem::remove_all(folder_); }
    std::filesystem::path path() const { return folder_ / "login.key"; }

private:
    std::filesystem::path folder_;
};

TEST_F(KeyFile, IsReadableByItsOwnerOnly) {
    const PrivateKey key = PrivateKey::generate_p256().value();
    ASSERT_TRUE(key.save(path()));
    struct stat info {};
    ASSERT_EQ(stat(path().c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777, 0600U);
    EXPECT_EQ(PrivateKey::load(path()).value().public_pem().value(), key.public_pem().value());
}

TEST_F(KeyFile, IsRefusedWhenOthersMayReadIt) {
    ASSERT_TRUE(PrivateKey::generate_p256().value().save(path()));
    std::filesystem::permissions(path(), std::filesystem::perms(0644));
    EXPECT_FALSE(PrivateKey::load(path()));
}

TEST_F(KeyFile, WithAPassphraseOpensWithThatOneOnly) {
    const PrivateKey key = PrivateKey::generate_ed25519().value();
    ASSERT_TRUE(key.save(path(), Secret(std::string_view("correct horse"))));
    EXPECT_NE(read_file(path()).value().find("BEGIN ENCRYPTED PRIVATE KEY"), std::string::npos);
    EXPECT_TRUE(PrivateKey::load(path(), Secret(std::string_view("correct horse"))));
    // Neither asks a terminal.
    EXPECT_FALSE(PrivateKey::load(path(), Secret(std::string_view("wrong"))));
    const auto without = PrivateKey::load(path());
    ASSERT_FALSE(without);
    EXPECT_EQ(without.error().code, Code::config_invalid);
    EXPECT_NE(without.error().detail.find("passphrase"), std::string::npos) << without.error().detail;
    EXPECT_EQ(ERR_peek_error(), 0UL);
}

TEST_F(KeyFile, ThatIsNoneIsRefused) {
    for (const auto* text : {"", "hello", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"}) {
        const auto key = PrivateKey::from_pem(text);
        ASSERT_FALSE(key) << text;
        EXPECT_EQ(key.error().code, Code::config_invalid);
    }
    EXPECT_FALSE(PrivateKey::from_pem(PrivateKey::generate_p256().value().public_pem().value()));
    EXPECT_EQ(PrivateKey::load(path()).error().code, Code::not_found);
}

TEST(Ed25519, SignatureHoldsForItsMessageAndKeyOnly) {
    const PrivateKey key = PrivateKey::generate_ed25519().value();
    const PublicKey verifier = PublicKey::from_pem(key.public_pem().value()).value();
    const auto bytes = key.sign_ed25519("checkpoint 7").value();
    const std::string signature(bytes.begin(), bytes.end());
    EXPECT_TRUE(verifier.verify_ed25519("checkpoint 7", signature));
    EXPECT_FALSE(verifier.verify_ed25519("checkpoint 8", signature));
    EXPECT_FALSE(verifier.verify_ed25519("checkpoint 7", signature.substr(1)));
    EXPECT_FALSE(verifier.verify_ed25519("checkpoint 7", ""));
    const PublicKey other = PrivateKey::generate_ed25519().value().public_key().value();
    EXPECT_FALSE(other.verify_ed25519("checkpoint 7", signature));
    const PublicKey ecdsa = PrivateKey::generate_p256().value().public_key().value();
    EXPECT_FALSE(ecdsa.verify_ed25519("checkpoint 7", signature));
    EXPECT_FALSE(PrivateKey::generate_p256().value().sign_ed25519("checkpoint 7"));
}

TEST(PublicKey, IsNotReadFromAnythingElse) {
    EXPECT_FALSE(PublicKey::from_pem(""));
    const PrivateKey key = PrivateKey::generate_p256().value();
    EXPECT_FALSE(PublicKey::from_pem(key.to_pem().value().reveal()));
    const std::string pem = key.public_pem().value();
    EXPECT_FALSE(PublicKey::from_pem(pem + pem));
    EXPECT_FALSE(PublicKey::from_evp(nullptr));
}

/// A request for any key that OpenSSL can make.
std::string request_for(EVP_PKEY* key, const EVP_MD* digest = EVP_sha256()) {
    const X509ReqPtr request(X509_REQ_new());
    X509_REQ_set_pubkey(request.get(), key);
    X509_REQ_sign(request.get(), key, digest);
    const BioPtr bio(BIO_new(BIO_s_mem()));
    PEM_write_bio_X509_REQ(bio.get(), request.get());
    char* text = nullptr;
    const long length = BIO_get_mem_data(bio.get(), &text);
    return std::string(text, static_cast<std::size_t>(length));
}

EvpKeyPtr rsa_key(std::size_t bits) {
    return EvpKeyPtr(EVP_RSA_gen(static_cast<unsigned int>(bits)));
}
EvpKeyPtr ec_key(const char* curve) {
    return EvpKeyPtr(EVP_EC_gen(curve));
}

TEST(Csr, YieldsKeysOfTheAcceptedKinds) {
    const PrivateKey p256 = PrivateKey::generate_p256().value();
    EXPECT_EQ(public_key_from_csr(make_csr_pem(p256, "alice").value()).value().fingerprint(),
              p256.public_key().value().fingerprint());
    const PrivateKey ed25519 = PrivateKey::generate_ed25519().value();
    EXPECT_TRUE(public_key_from_csr(make_csr_pem(ed25519, "alice").value()));
    EXPECT_TRUE(public_key_from_csr(request_for(ec_key("P-384").get(), EVP_sha384())));
    EXPECT_TRUE(public_key_from_csr(request_for(rsa_key(2048).get())));
}

TEST(Csr, WithAWeakOrUnusualKeyIsRefused) {
    EXPECT_FALSE(public_key_from_csr(request_for(rsa_key(1024).get())));
    EXPECT_FALSE(public_key_from_csr(request_for(ec_key("secp256k1").get())));
    EXPECT_FALSE(public_key_from_csr(request_for(ec_key("P-521").get())));
    const EvpKeyPtr ed448(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED448"));
    EXPECT_FALSE(public_key_from_csr(request_for(ed448.get(), nullptr)));
}

TEST(Csr, WithAnUnusualRsaExponentIsRefused) {
    const EvpKeyCtxPtr context(EVP_PKEY_CTX_new_from_name(nullptr, "RSA", nullptr));
    ASSERT_EQ(EVP_PKEY_keygen_init(context.get()), 1);
    ASSERT_EQ(EVP_PKEY_CTX_set_rsa_keygen_bits(context.get(), 2048), 1);
    const BignumPtr exponent(BN_new());
    BN_set_word(exponent.get(), 3);
    ASSERT_EQ(EVP_PKEY_CTX_set1_rsa_keygen_pubexp(context.get(), exponent.get()), 1);
    EVP_PKEY* raw = nullptr;
    ASSERT_EQ(EVP_PKEY_keygen(context.get(), &raw), 1);
    const EvpKeyPtr key(raw);
    EXPECT_FALSE(public_key_from_csr(request_for(key.get())));
}

TEST(Csr, SignedByAnotherKeyIsRefused) {
    const PrivateKey claimed = PrivateKey::generate_p256().value();
    const PrivateKey own = PrivateKey::generate_p256().value();
    const X509ReqPtr request(X509_REQ_new());
    X509_REQ_set_pubkey(request.get(), claimed.get());
    X509_REQ_sign(request.get(), own.get(), EVP_sha256());
    const BioPtr bio(BIO_new(BIO_s_mem()));
    PEM_write_bio_X509_REQ(bio.get(), request.get());
    char* text = nullptr;
    const long length = BIO_get_mem_data(bio.get(), &text);
    const auto key = public_key_from_csr(std::string_view(text, static_cast<std::size_t>(length)));
    ASSERT_FALSE(key);
    EXPECT_EQ(key.error().code, Code::malformed_request);
    EXPECT_EQ(ERR_peek_error(), 0UL);
}

TEST(Csr, OfAnotherVersionIsRefused) {
    const PrivateKey key = PrivateKey::generate_p256().value();
    for (const long version : {0L, 1L, 2L, 65536L}) {
        const X509ReqPtr request(X509_REQ_new());
        ASSERT_EQ(X509_REQ_set_version(request.get(), version), 1);
        X509_REQ_set_pubkey(request.get(), key.get());
        ASSERT_GT(X509_REQ_sign(request.get(), key.get(), EVP_sha256()), 0);
        const BioPtr bio(BIO_new(BIO_s_mem()));
        PEM_write_bio_X509_REQ(bio.get(), request.get());
        char* text = nullptr;
        const long length = BIO_get_mem_data(bio.get(), &text);
        const auto read = public_key_from_csr(std::string_view(text, static_cast<std::size_t>(length)));
        EXPECT_EQ(read.has_value(), version == 0) << version;
        if (!read) {
            EXPECT_EQ(read.error().code, Code::malformed_request);
        }
    }
}

TEST(Csr, ThatIsNoneOrTwoOrTooLargeIsRefused) {
    const std::string pem = make_csr_pem(PrivateKey::generate_p256().value(), "alice").value();
    EXPECT_FALSE(public_key_from_csr(""));
    EXPECT_FALSE(public_key_from_csr(pem + pem));
    EXPECT_FALSE(public_key_from_csr(pem.substr(0, pem.size() / 2)));
    EXPECT_FALSE(public_key_from_csr(PrivateKey::generate_p256().value().public_pem().value()));
    EXPECT_TRUE(public_key_from_csr(std::string(1000, '\n') + pem));
    EXPECT_FALSE(public_key_from_csr(std::string(16 * 1024, '\n') + pem));
}

}  // namespace
}  // namespace postern::pki

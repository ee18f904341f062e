#include "net/verified_chains.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "pki/openssl.hpp"
#include "pki/validity.hpp"

namespace postern::net {

namespace {

bool add_to_digest(EVP_MD_CTX* digest, X509* certificate) {
    unsigned char* der = nullptr;
    const int size = i2d_X509(certificate, &der);
    if (size <= 0) {
        return false;
    }
    const bool is_added = EVP_DigestUpdate(digest, &size, sizeof size) == 1 &&
                          EVP_DigestUpdate(digest, der, static_cast<std::size_t>(size)) == 1;
    OPENSSL_free(der);
    return is_added;
}

}  // namespace

bool VerifiedChains::key_of(X509* leaf, const STACK_OF(X509) * others, Key& key) {
    const pki::EvpMdCtxPtr digest(EVP_MD_CTX_new());
    if (digest == nullptr || EVP_DigestInit_ex(digest.get(), EVP_sha256(), nullptr) != 1) {
        return false;
    }
    if (!add_to_digest(digest.get(), leaf)) {
        return false;
    }
    for (int i = 0; i < sk_X509_num(others); ++i) {
        if (!add_to_digest(digest.get(), sk_X509_value(others, i))) {
            return false;
        }
    }
    return EVP_DigestFinal_ex(digest.get(), key.data(), nullptr) == 1;
}

std::shared_ptr<const VerifiedChains::Presented> VerifiedChains::find(const Key& key, SystemTime now) const {
    const std::lock_guard lock(mutex_);
    const auto found = chains_.find(key);
    if (found == chains_.end()) {
        return nullptr;
    }
    const Chain& chain = found->second;
    const bool is_valid = !pki::is_too_early(chain.not_before, now) && !pki::is_over(chain.not_after, now);
    return is_valid ? chain.presented : nullptr;
}

void VerifiedChains::add(const Key& key, const STACK_OF(X509) * chain, Presented presented) {
    if (sk_X509_num(chain) <= 0) {
        return;
    }
    Chain verified{SystemTime::min(), SystemTime::max(), nullptr};
    for (int i = 0; i < sk_X509_num(chain); ++i) {
        const pki::Certificate certificate = pki::Certificate::from_x509(sk_X509_value(chain, i));
        verified.not_before = std::max(verified.not_before, certificate.not_before());
        verified.not_after = std::min(verified.not_after, certificate.not_after());
    }
    verified.presented = std::make_shared<const Presented>(std::move(presented));
    const std::lock_guard lock(mutex_);
    if (chains_.size() >= kMost) {
        chains_.clear();
    }
    chains_.insert_or_assign(key, std::move(verified));
}

std::size_t VerifiedChains::size() const {
    const std::lock_guard lock(mutex_);
    return chains_.size();
}

std::size_t VerifiedChains::Hash::operator()(const Key& key) const noexcept {
    std::size_t hash = 0;
    std::memcpy(&hash, key.data(), sizeof hash);
    return hash;
}

}  // namespace postern::net

#include "pki/chain.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <openssl/x509v3.h>

namespace postern::pki {

namespace {

bool has_signed(const Certificate& issuer, const Certificate& certificate) {
    const ErrorQueueScope errors;
    return X509_check_issued(issuer.get(), certificate.get()) == X509_V_OK &&
           X509_verify(certificate.get(), X509_get0_pubkey(issuer.get())) == 1;
}

bool is_of_key(const Certificate& certificate, const PrivateKey& key) {
    const ErrorQueueScope errors;
    return X509_check_private_key(certificate.get(), key.get()) == 1;
}

}  // namespace

Result<std::vector<Certificate>> chain_of_key(const PrivateKey& key,
                                              const std::vector<Certificate>& certificates) {
    std::vector<Certificate> left;
    for (const Certificate& certificate : certificates) {
        const bool is_known = std::any_of(left.begin(), left.end(), [&](const Certificate& known) {
            return X509_cmp(known.get(), certificate.get()) == 0;
        });
        if (!is_known) {
            left.push_back(certificate);
        }
    }
    const auto leaf = std::find_if(left.begin(), left.end(), [&](const Certificate& certificate) {
        return is_of_key(certificate, key);
    });
    if (leaf == left.end()) {
        if (left.empty()) {
            return Failure{Code::malformed_certificate, "there is no certificate"};
        }
        return Failure{
            Code::malformed_certificate,
            fmt::format("no certificate is that of the key; the first is {}", left.front().subject())};
    }
    std::vector<Certificate> chain{*leaf};
    left.erase(leaf);
    for (bool has_grown = true; has_grown;) {
        const auto issuer = std::find_if(left.begin(), left.end(), [&](const Certificate& certificate) {
            return has_signed(certificate, chain.back());
        });
        has_grown = issuer != left.end();
        if (has_grown) {
            chain.push_back(*issuer);
            left.erase(issuer);
        }
    }
    chain.insert(chain.end(), left.begin(), left.end());
    return chain;
}

}  // namespace postern::pki

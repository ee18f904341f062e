// Certificate chains that have been verified against one set of trust roots, so that the next handshake with
// the very same chain need not do the signatures again. Remembers no refusals and nothing that revocation
// decides. Thread-safe.
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

#include <openssl/x509.h>

#include "base/clock.hpp"
#include "pki/certificate.hpp"

namespace postern::net {

class VerifiedChains {
public:
    /// SHA-256 over the DER of everything that the peer presented, leaf first, each with its length.
    using Key = std::array<unsigned char, 32>;

    /// What was presented, in its order.
    using Presented = std::vector<pki::Certificate>;

    /// What bounds the memory (some 9 KiB each): when it is full, all is forgotten.
    static constexpr std::size_t kMost = 2048;

    /// False when a certificate has no DER.
    static bool key_of(X509* leaf, const STACK_OF(X509) * others, Key& key);

    /// What was presented when the chain was added; null when it was not, or when a certificate in it is not
    /// valid at `now`.
    std::shared_ptr<const Presented> find(const Key& key, SystemTime now) const;
    bool contains(const Key& key, SystemTime now) const { return find(key, now) != nullptr; }
    /// The whole verified chain, up to the root: its narrowest validity counts.
    void add(const Key& key, const STACK_OF(X509) * chain, Presented presented = {});
    std::size_t size() const;

private:
    struct Chain {
        SystemTime not_before;
        SystemTime not_after;
        std::shared_ptr<const Presented> presented;
    };
    struct Hash {
        std::size_t operator()(const Key& key) const noexcept;
    };

    mutable std::mutex mutex_;
    std::unordered_map<Key, Chain, Hash> chains_;
};

}  // namespace postern::net

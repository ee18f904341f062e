// A cache of certificate chains that were verified against one set of trust roots, so that the next handshake
// with exactly the same chain need not verify the signatures again. It stores no refusals, and nothing that
// depends on revocation.
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

/// The chains of one set of trust roots. Thread-safe.
class VerifiedChains {
public:
    /// The SHA-256 digest of the DER of every certificate that the peer presented, leaf first, each preceded
    /// by its length.
    using Key = std::array<unsigned char, 32>;

    /// The certificates that the peer presented, in its order.
    using Presented = std::vector<pki::Certificate>;

    /// The most chains, which bounds the memory (about 9 KiB each). When it is reached, the cache is emptied.
    static constexpr std::size_t kMost = 2048;

    /// Computes the key. False when a certificate cannot be encoded as DER or the digest fails.
    static bool key_of(X509* leaf, const STACK_OF(X509) * others, Key& key);

    /// The certificates that were given when the chain was added; null if it was not added, or if a
    /// certificate of it is not valid at `now`.
    std::shared_ptr<const Presented> find(const Key& key, SystemTime now) const;
    bool contains(const Key& key, SystemTime now) const { return find(key, now) != nullptr; }
    /// Adds a chain. `chain` is the verified chain up to the root; the intersection of its validity periods
    /// applies.
    void add(const Key& key, const STACK_OF(X509) * chain, Presented presented = {});
    std::size_t size() const;

private:
    /// A cached chain and the intersection of its validity periods.
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

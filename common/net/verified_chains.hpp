// Certificate chains that have been verified against one set of trust roots, so that the next handshake with
// the very same chain need not do the signatures again. Remembers no refusals and nothing that revocation
// decides. Thread-safe.
#pragma once

#include <array>
#include <cstddef>
#include <mutex>
#include <unordered_map>

#include <openssl/x509.h>

#include "base/clock.hpp"

namespace postern::net {

class VerifiedChains {
public:
    /// SHA-256 over the DER of everything that the peer presented, leaf first, each with its length.
    using Key = std::array<unsigned char, 32>;

    /// What bounds the memory: when it is full, all is forgotten.
    static constexpr std::size_t kMost = 4096;

    /// False when a certificate has no DER.
    static bool key_of(X509* leaf, const STACK_OF(X509) * others, Key& key);

    /// Whether the chain was added and every certificate in it is valid at `now`.
    bool contains(const Key& key, SystemTime now) const;
    /// The whole verified chain, up to the root: its narrowest validity counts.
    void add(const Key& key, const STACK_OF(X509) * chain);
    std::size_t size() const;

private:
    struct Validity {
        SystemTime not_before;
        SystemTime not_after;
    };
    struct Hash {
        std::size_t operator()(const Key& key) const noexcept;
    };

    mutable std::mutex mutex_;
    std::unordered_map<Key, Validity, Hash> chains_;
};

}  // namespace postern::net

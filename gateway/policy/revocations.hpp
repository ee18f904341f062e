// A verified CRL, together with the identity of the CA that issued it.
#pragma once

#include <memory>
#include <string>

#include "base/even_clock.hpp"
#include "pki/crl.hpp"

namespace postern::gateway {

/// Immutable; shared by all event loops.
struct Revocations {
    pki::Crl crl;
    /// The subject of the CA that signed the CRL, and the identifier of its key in hex. The CRL covers no
    /// certificates of another issuer, nor those of another key of the same name.
    std::string issuer;
    std::string issuer_key;
    /// The time of receipt plus the CRL's lifetime (from thisUpdate to nextUpdate), by the monotonic clock.
    EvenTime trusted_until{};
};

using RevocationsPtr = std::shared_ptr<const Revocations>;

}  // namespace postern::gateway

// A verified CRL, together with the authority that it speaks for.
#pragma once

#include <memory>
#include <string>

#include "base/even_clock.hpp"
#include "pki/crl.hpp"

namespace postern::gateway {

/// Immutable; published to every loop.
struct Revocations {
    pki::Crl crl;
    /// The subject of the authority that signed it, and its key's identifier in hex: certificates of another
    /// issuer are not covered by it, nor those of another key of the same name.
    std::string issuer;
    std::string issuer_key;
    /// As long after its receipt as it lasts (from thisUpdate to nextUpdate).
    EvenTime trusted_until{};
};

using RevocationsPtr = std::shared_ptr<const Revocations>;

}  // namespace postern::gateway

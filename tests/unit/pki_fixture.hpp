// The moment and the two authorities that the cases of certificates share; made once, keys are slow.
#pragma once

#include "base/clock.hpp"
#include "support/odd_certificates.hpp"

namespace postern::pki {

inline const SystemTime kNow = parse_time("2026-11-22T12:00:00Z").value();

/// Two that bear the same names.
inline const test::Authority& ours() {
    static const test::Authority made = test::make_authority("Postern User CA", kNow);
    return made;
}
inline const test::Authority& theirs() {
    static const test::Authority made = test::make_authority("Postern User CA", kNow);
    return made;
}

}  // namespace postern::pki

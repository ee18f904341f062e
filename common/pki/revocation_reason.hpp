// The reasons of revocations.
#pragma once

#include "base/result.hpp"

namespace postern::pki {

/// The reason codes of RFC 5280, section 5.3.1. The CA service uses key_compromise and unspecified for `cert
/// revoke`, cessation_of_operation for an ended login session, and privilege_withdrawn for a disabled user.
enum class RevocationReason : int {
    unspecified = 0,
    key_compromise = 1,
    affiliation_changed = 3,
    superseded = 4,
    cessation_of_operation = 5,
    privilege_withdrawn = 9,
};

/// The Code of a refusal for this reason: user_disabled, session_ended or revoked.
Code code_of(RevocationReason reason) noexcept;

}  // namespace postern::pki

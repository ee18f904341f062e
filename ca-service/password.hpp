// Passwords as argon2id hashes in PHC form (RFC 9106). Each hash takes 19 MiB and some 20 ms, so call this
// from worker threads only.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.hpp"
#include "base/secret.hpp"

namespace postern::ca {

/// The cost of a hash. The defaults are OWASP's minimum for argon2id (Password Storage Cheat Sheet).
struct PasswordCost {
    std::uint32_t memory_kib = 19 * 1024;
    std::uint32_t passes = 2;
    std::uint32_t lanes = 1;
};

inline constexpr std::size_t kLeastPasswordBytes = 8;
inline constexpr std::size_t kMostPasswordBytes = 1024;

/// Returns the one form of a password that keyboards and systems spell in several ways (RFC 8265,
/// OpaqueString): composed characters (NFC), and a plain blank for each other blank of Unicode. Case and
/// width stay. Fails with Code::malformed_request when the password is not UTF-8 or holds control characters.
Result<Secret> prepare_password(const Secret& password);

/// Returns the prepared password if a user may have it. Fails with Code::malformed_request and what is wrong
/// as detail.
Result<Secret> check_new_password(const Secret& password);

/// Hashes and verifies passwords. Immutable and thread-safe. Throws std::runtime_error when argon2 fails, as
/// it does without memory.
class PasswordHasher {
public:
    /// Makes the stand-in hash, against which verify() checks the passwords of users who do not exist.
    explicit PasswordHasher(PasswordCost cost = {});

    std::string hash(const Secret& password) const;
    /// Returns whether the password fits `hash`. An empty `hash` stands for a user who does not exist: the
    /// answer is false, after the same work.
    bool verify(const std::string& hash, const Secret& password) const;
    /// Returns whether `hash` was made at another cost than this hasher's.
    bool needs_rehash(const std::string& hash) const;

private:
    PasswordCost cost_;
    std::string parameters_;
    std::string stand_in_;
};

}  // namespace postern::ca

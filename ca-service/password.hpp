// Passwords as argon2id hashes in PHC form (RFC 9106). Each hash takes 19 MiB and some 20 ms: call from
// worker threads only.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.hpp"
#include "base/secret.hpp"

namespace postern::ca {

/// OWASP's minimum for argon2id (Password Storage Cheat Sheet).
struct PasswordCost {
    std::uint32_t memory_kib = 19 * 1024;
    std::uint32_t passes = 2;
    std::uint32_t lanes = 1;
};

inline constexpr std::size_t kLeastPasswordBytes = 8;
inline constexpr std::size_t kMostPasswordBytes = 1024;

/// The one form of a password that keyboards and systems spell in several ways (RFC 8265, OpaqueString):
/// composed characters (NFC), and a plain blank for each other blank of Unicode. Case and width stay.
/// Code::malformed_request for what is not UTF-8, or holds control characters.
Result<Secret> prepare_password(const Secret& password);

/// The prepared password. Code::malformed_request, with what is wrong as detail, for one that nobody should
/// set.
Result<Secret> check_new_password(const Secret& password);

/// Immutable and thread-safe.
class PasswordHasher {
public:
    /// Makes the stand-in hash for users that do not exist.
    explicit PasswordHasher(PasswordCost cost = {});

    std::string hash(const Secret& password) const;
    /// Whether the password fits. An empty `hash` stands for a user who does not exist: the answer is false,
    /// after the same work.
    bool verify(const std::string& hash, const Secret& password) const;
    /// Whether the hash was made at another cost than today's.
    bool needs_rehash(const std::string& hash) const;

private:
    PasswordCost cost_;
    std::string parameters_;
    std::string stand_in_;
};

}  // namespace postern::ca

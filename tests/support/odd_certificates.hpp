// Certificates that no authority of Postern would issue: expired, of the wrong purpose, of an authority with
// a stolen name. For tests and the demonstration only; never part of a program that is installed.
#pragma once

#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "pki/certificate.hpp"
#include "pki/issuer.hpp"
#include "pki/key.hpp"
#include "pki/trust_bundle.hpp"

namespace postern::test {

enum class Usage { client_auth, server_auth, none };

/// A leaf, field by field; nothing is judged.
struct OddProfile {
    std::string common_name;
    std::vector<std::string> groups;
    std::vector<std::string> uris;
    std::vector<std::string> names;
    std::string session_id;
    SystemTime not_before;
    SystemTime not_after;
    Usage usage = Usage::client_auth;
    bool is_ca = false;
};

/// What the CA service would issue to `name` for an hour, as a starting point to bend.
OddProfile login_profile(std::string_view name, SystemTime now);

/// A leaf signed by `issuer`, with a new P-256 key.
Result<pki::KeyAndCertificate> mint(const OddProfile& profile, const pki::KeyAndCertificate& issuer);
/// A leaf signed by its own key.
Result<pki::KeyAndCertificate> mint_self_signed(const OddProfile& profile);

/// A self-signed authority that bears the very subject of `genuine`, with a key of its own: the impostor.
Result<pki::KeyAndCertificate> make_impostor(const pki::Certificate& genuine, SystemTime now);

/// A root and an issuing authority below it. Two of the same name have the same subjects and different keys.
struct Authority {
    pki::KeyAndCertificate root;
    pki::KeyAndCertificate issuing;
    pki::Issuer issuer;
    pki::TrustBundle bundle;
};

/// Throws when it cannot be made: no test can go on then.
Authority make_authority(const std::string& name, SystemTime now);

}  // namespace postern::test

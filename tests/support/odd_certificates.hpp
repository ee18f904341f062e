// Certificates that no authority of Postern would issue: expired, of the wrong purpose, of an authority with
// a stolen name. They are for tests and the demonstration only, and never part of a program that is
// installed.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "pki/certificate.hpp"
#include "pki/issuer.hpp"
#include "pki/key.hpp"
#include "pki/openssl.hpp"
#include "pki/trust_bundle.hpp"

namespace postern::test {

enum class Usage { client_auth, server_auth, none };

/// The fields of a leaf. Nothing checks them.
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
    /// Bits of RFC 5280, section 4.2.1.3; empty for the usual ones of a CA or of a leaf.
    std::vector<int> key_usage = {};
    /// The pathLenConstraint of a CA.
    std::optional<int> path_length = std::nullopt;
};

/// Returns what the CA service would issue to `name` for an hour, as a starting point that tests change.
OddProfile login_profile(std::string_view name, SystemTime now);

/// Makes a leaf with a new P-256 key, signed by `issuer`.
Result<pki::KeyAndCertificate> mint(const OddProfile& profile, const pki::KeyAndCertificate& issuer);
/// Makes a leaf that is signed by its own key.
Result<pki::KeyAndCertificate> mint_self_signed(const OddProfile& profile);

/// Makes an impostor: a self-signed authority that bears the very subject of `genuine`, with a key of its
/// own.
Result<pki::KeyAndCertificate> make_impostor(const pki::Certificate& genuine, SystemTime now);

/// A common name as a string of some ASN.1 type (V_ASN1_UTF8STRING, V_ASN1_PRINTABLESTRING, …).
struct OddName {
    std::string common_name;
    int type = V_ASN1_UTF8STRING;
};
/// Makes an authority that is signed by its own key, and that writes its own name as issuer in another way
/// than as subject.
Result<pki::KeyAndCertificate> make_misspelt_root(const OddName& subject, const OddName& issuer,
                                                  SystemTime now);
/// Makes a certificate for the subject and key of `genuine`, signed by another authority.
Result<pki::Certificate> cross_sign(const pki::Certificate& genuine, const pki::KeyAndCertificate& issuer,
                                    SystemTime now);

/// A root and an issuing authority below it. Two of the same name have the same subjects and different keys.
struct Authority {
    pki::KeyAndCertificate root;
    pki::KeyAndCertificate issuing;
    pki::Issuer issuer;
    pki::TrustBundle bundle;
};

/// Throws when it cannot make the authority, since no test can go on then.
Authority make_authority(const std::string& name, SystemTime now);

}  // namespace postern::test

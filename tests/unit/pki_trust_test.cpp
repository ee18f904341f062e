#include <chrono>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <openssl/x509_vfy.h>

#include "pki/csr.hpp"
#include "pki/identity.hpp"
#include "pki/trust_bundle.hpp"
#include "support/odd_certificates.hpp"

namespace postern::pki {
namespace {

using namespace std::chrono_literals;
using test::Authority;
using test::OddProfile;
using test::Usage;

const SystemTime kNow = parse_time("2026-11-22T12:00:00Z").value();

/// Two authorities that bear the same names; made once, keys are slow.
const Authority& ours() {
    static const Authority authority = test::make_authority("Postern User CA", kNow);
    return authority;
}
const Authority& theirs() {
    static const Authority authority = test::make_authority("Postern User CA", kNow);
    return authority;
}

Certificate minted(const OddProfile& profile, const Authority& authority = ours()) {
    return test::mint(profile, authority.issuing).value().certificate;
}

/// The code with which our bundle refuses `leaf` now; nothing when it accepts it.
std::optional<Code> refusal(const Certificate& leaf, const std::vector<Certificate>& intermediates = {},
                            SystemTime now = kNow, Purpose purpose = Purpose::client_auth) {
    const Result<void> verified = ours().bundle.verify(leaf, intermediates, purpose, now);
    if (verified) return std::nullopt;
    return verified.error().code;
}

TEST(TrustBundle, AcceptsALeafOfItsAuthority) {
    EXPECT_EQ(refusal(minted(test::login_profile("alice", kNow))), std::nullopt);
}

TEST(TrustBundle, AcceptsALeafWhoseIssuerOnlyThePeerKnows) {
    const auto roots = TrustBundle::from_pem(ours().root.certificate.pem()).value();
    const Certificate leaf = minted(test::login_profile("alice", kNow));
    EXPECT_TRUE(roots.verify(leaf, {ours().issuing.certificate}, Purpose::client_auth, kNow));
    const auto without = roots.verify(leaf, {}, Purpose::client_auth, kNow);
    ASSERT_FALSE(without);
    EXPECT_EQ(without.error().code, Code::unknown_issuer);
}

TEST(TrustBundle, RefusesALeafOfAnotherAuthorityWithTheSameName) {
    ASSERT_EQ(ours().issuing.certificate.subject(), theirs().issuing.certificate.subject());
    const Certificate leaf = minted(test::login_profile("alice", kNow), theirs());
    EXPECT_EQ(refusal(leaf), Code::unknown_issuer);
    EXPECT_EQ(refusal(leaf, {theirs().issuing.certificate}), Code::unknown_issuer);
    EXPECT_EQ(refusal(leaf, {theirs().issuing.certificate, theirs().root.certificate}), Code::unknown_issuer);
}

TEST(TrustBundle, RefusesASelfSignedLeaf) {
    const auto leaf = test::mint_self_signed(test::login_profile("alice", kNow)).value();
    EXPECT_EQ(refusal(leaf.certificate), Code::self_signed);
}

TEST(TrustBundle, JudgesTheTimeThatItIsGiven) {
    const OddProfile profile = test::login_profile("alice", kNow);
    const Certificate leaf = minted(profile);
    EXPECT_EQ(refusal(leaf, {}, profile.not_before - 1s), Code::not_yet_valid);
    EXPECT_EQ(refusal(leaf, {}, profile.not_before), std::nullopt);
    EXPECT_EQ(refusal(leaf, {}, profile.not_after - 1s), std::nullopt);
    EXPECT_EQ(refusal(leaf, {}, profile.not_after), Code::expired);
}

TEST(TrustBundle, RefusesALeafOfTheWrongPurpose) {
    OddProfile profile = test::login_profile("alice", kNow);
    profile.usage = Usage::server_auth;
    EXPECT_EQ(refusal(minted(profile)), Code::wrong_purpose);
    EXPECT_EQ(refusal(minted(profile), {}, kNow, Purpose::server_auth), std::nullopt);
    profile.usage = Usage::client_auth;
    EXPECT_EQ(refusal(minted(profile), {}, kNow, Purpose::server_auth), Code::wrong_purpose);
}

TEST(TrustBundle, RefusesALeafWithoutExtendedKeyUsage) {
    OddProfile profile = test::login_profile("alice", kNow);
    profile.usage = Usage::none;
    EXPECT_EQ(refusal(minted(profile)), Code::wrong_purpose);
}

TEST(TrustBundle, RefusesACertificateOfACaAsALeaf) {
    OddProfile profile = test::login_profile("alice", kNow);
    profile.is_ca = true;
    const auto below_root = test::mint(profile, ours().root).value();
    EXPECT_EQ(refusal(below_root.certificate), Code::wrong_purpose);
}

TEST(TrustBundle, RefusesALeafThatALeafSigned) {
    const auto alice = test::mint(test::login_profile("alice", kNow), ours().issuing).value();
    const auto mallory = test::mint(test::login_profile("mallory", kNow), alice).value();
    EXPECT_EQ(refusal(mallory.certificate, {alice.certificate}), Code::unknown_issuer);
}

TEST(TrustBundle, CannotBeEmptyOrWithoutARoot) {
    EXPECT_FALSE(TrustBundle::from_pem(""));
    EXPECT_FALSE(TrustBundle::from_pem("no certificate here"));
    EXPECT_FALSE(TrustBundle::from_pem(ours().issuing.certificate.pem()));
    const auto leaf = test::mint_self_signed(test::login_profile("alice", kNow)).value();
    EXPECT_FALSE(TrustBundle::from_pem(leaf.certificate.pem()));
}

TEST(TrustBundle, FindsTheIssuerByItsKeyNotItsName) {
    const Certificate leaf = minted(test::login_profile("alice", kNow));
    EXPECT_EQ(ours().bundle.issuer_of(leaf).value().fingerprint(), ours().issuing.certificate.fingerprint());
    EXPECT_FALSE(theirs().bundle.issuer_of(leaf));
}

}  // namespace
}  // namespace postern::pki

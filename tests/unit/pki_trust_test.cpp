#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <openssl/x509_vfy.h>

#include "pki/trust_bundle.hpp"
#include "support/odd_certificates.hpp"
#include "unit/pki_fixture.hpp"

namespace postern::pki {
namespace {

using namespace std::chrono_literals;
using test::Authority;
using test::OddProfile;
using test::Usage;

Certificate minted(const OddProfile& profile, const Authority& authority = ours()) {
    return test::mint(profile, authority.issuing).value().certificate;
}

/// The code with which our bundle refuses `leaf` now; nothing when it accepts it.
std::optional<Code> refusal(const Certificate& leaf, const std::vector<Certificate>& intermediates = {},
                            SystemTime now = kNow, Purpose purpose = Purpose::client_auth) {
    const Result<void> verified = ours().bundle.verify(leaf, intermediates, purpose, now);
    if (verified) {
        return std::nullopt;
    }
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

TEST(TrustBundle, RefusesALeafOfAnImpostor) {
    const auto impostor = test::make_impostor(ours().issuing.certificate, kNow).value();
    const Certificate leaf = test::mint(test::login_profile("alice", kNow), impostor).value().certificate;
    EXPECT_EQ(refusal(leaf, {impostor.certificate}), Code::unknown_issuer);
    EXPECT_EQ(refusal(leaf), Code::unknown_issuer);
}

TEST(TrustBundle, AcceptsTheOldAndTheNewAuthorityWhileItHoldsBoth) {
    const auto both = TrustBundle::from_pem(ours().bundle.pem() + theirs().bundle.pem()).value();
    const Certificate old_leaf = minted(test::login_profile("alice", kNow));
    const Certificate new_leaf = minted(test::login_profile("alice", kNow), theirs());
    EXPECT_TRUE(both.verify(old_leaf, {}, Purpose::client_auth, kNow));
    EXPECT_TRUE(both.verify(new_leaf, {}, Purpose::client_auth, kNow));
    EXPECT_EQ(both.issuer_of(new_leaf).value().fingerprint(), theirs().issuing.certificate.fingerprint());
}

TEST(TrustBundle, RefusesALeafWhoseAuthorityExpired) {
    const SystemTime later = ours().issuing.certificate.not_after() + 1h;
    EXPECT_EQ(refusal(minted(test::login_profile("alice", later)), {}, later), Code::expired);
}

TEST(TrustBundle, RefusesALeafThatWasChanged) {
    const std::string der = minted(test::login_profile("alice", kNow)).der();
    std::string changed = der;
    const auto at = changed.rfind("alice");
    ASSERT_NE(at, std::string::npos);
    changed.replace(at, 5, "admin");
    const auto* bytes = reinterpret_cast<const unsigned char*>(changed.data());
    const X509Ptr parsed(d2i_X509(nullptr, &bytes, static_cast<long>(changed.size())));
    ASSERT_TRUE(parsed);
    EXPECT_EQ(refusal(Certificate::from_x509(parsed.get())), Code::unknown_issuer);
}

TEST(TrustBundle, RefusesMoreIntermediatesThanAChainNeeds) {
    const Certificate leaf = minted(test::login_profile("alice", kNow));
    const std::vector<Certificate> eight(8, ours().issuing.certificate);
    EXPECT_EQ(refusal(leaf, eight), std::nullopt);
    const std::vector<Certificate> nine(9, ours().issuing.certificate);
    EXPECT_EQ(refusal(leaf, nine), Code::malformed_certificate);
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

TEST(TrustBundle, RefusesALeafThatMayDoAnythingOfACa) {
    constexpr int kDigitalSignature = 0;
    constexpr int kKeyCertSign = 5;
    constexpr int kCrlSign = 6;
    OddProfile profile = test::login_profile("alice", kNow);
    profile.key_usage = {kDigitalSignature};
    EXPECT_EQ(refusal(minted(profile)), std::nullopt);
    for (const int bit : {kKeyCertSign, kCrlSign}) {
        profile.key_usage = {kDigitalSignature, bit};
        EXPECT_EQ(refusal(minted(profile)), Code::wrong_purpose) << "CA:FALSE with bit " << bit;
    }
    profile.is_ca = true;
    profile.key_usage = {kDigitalSignature};
    EXPECT_EQ(refusal(minted(profile)), Code::wrong_purpose) << "CA:TRUE without keyCertSign";
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

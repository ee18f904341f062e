#include <chrono>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pki/crl.hpp"
#include "pki/csr.hpp"
#include "pki/identity.hpp"
#include "pki/issuer.hpp"
#include "support/odd_certificates.hpp"

namespace postern::pki {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;

const SystemTime kNow = parse_time("2026-11-22T12:00:00Z").value();

const test::Authority& authority() {
    static const test::Authority made = test::make_authority("Postern User CA", kNow);
    return made;
}

PublicKey new_public_key() {
    return PrivateKey::generate_p256().value().public_key().value();
}

LoginProfile alice() {
    LoginProfile profile;
    profile.name = "alice";
    profile.groups = {"analysts", "on-call"};
    profile.session_id = "0192f0c1-7a5b-7000-8000-000000000001";
    profile.trust_domain = "example.internal";
    profile.not_before = kNow - 60s;
    profile.not_after = kNow + 1h;
    profile.crl_url = "http://ca.example.internal/v1/crl";
    return profile;
}

TEST(Issuer, GivesALoginCertificateThatItsBundleAccepts) {
    const Certificate certificate = authority().issuer.issue_login(new_public_key(), alice()).value();
    EXPECT_TRUE(authority().bundle.verify(certificate, {}, Purpose::client_auth, kNow));
    EXPECT_FALSE(authority().bundle.verify(certificate, {}, Purpose::server_auth, kNow));
    const LoginIdentity identity = login_identity(certificate).value();
    EXPECT_EQ(identity.name, "alice");
    EXPECT_THAT(identity.groups, ElementsAre("analysts", "on-call"));
    EXPECT_EQ(identity.session_id, alice().session_id);
    EXPECT_EQ(identity.trust_domain, "example.internal");
    EXPECT_EQ(identity.not_after, kNow + 1h);
}

TEST(Issuer, PublishesWhatItRevoked) {
    const Certificate certificate = authority().issuer.issue_login(new_public_key(), alice()).value();
    const auto der = authority().issuer.issue_crl(
        7, kNow, kNow + 1h, {{certificate.serial(), kNow, RevocationReason::privilege_withdrawn}});
    const Crl crl = Crl::verify(der.value(), authority().issuing.certificate).value();
    EXPECT_EQ(crl.number(), 7U);
    EXPECT_EQ(crl.next_update(), kNow + 1h);
    EXPECT_EQ(crl.find(certificate.serial()), RevocationReason::privilege_withdrawn);
    EXPECT_EQ(crl.find("00"), std::nullopt);
}

TEST(Csr, YieldsTheKeyThatSignedIt) {
    const PrivateKey key = PrivateKey::generate_p256().value();
    const std::string pem = make_csr_pem(key, "alice").value();
    EXPECT_EQ(public_key_from_csr(pem).value().fingerprint(), key.public_key().value().fingerprint());
}

}  // namespace
}  // namespace postern::pki

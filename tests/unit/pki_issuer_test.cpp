#include <atomic>
#include <chrono>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pki/asn1.hpp"
#include "pki/identity.hpp"
#include "pki/issuer.hpp"
#include "support/odd_certificates.hpp"
#include "unit/pki_fixture.hpp"

namespace postern::pki {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;

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
    const Certificate certificate = ours().issuer.issue_login(new_public_key(), alice()).value();
    EXPECT_TRUE(ours().bundle.verify(certificate, {}, Purpose::client_auth, kNow));
    EXPECT_FALSE(ours().bundle.verify(certificate, {}, Purpose::server_auth, kNow));
    const LoginIdentity identity = login_identity(certificate).value();
    EXPECT_EQ(identity.name, "alice");
    EXPECT_THAT(identity.groups, ElementsAre("analysts", "on-call"));
    EXPECT_EQ(identity.session_id, alice().session_id);
    EXPECT_EQ(identity.trust_domain, "example.internal");
    EXPECT_EQ(identity.not_after, kNow + 1h);
}

/// The text of an extension as OpenSSL prints it, "critical" in front; empty when there is none.
std::string extension(const Certificate& certificate, int nid) {
    const int index = X509_get_ext_by_NID(certificate.get(), nid, -1);
    if (index < 0) {
        return {};
    }
    X509_EXTENSION* found = X509_get_ext(certificate.get(), index);
    const BioPtr bio(BIO_new(BIO_s_mem()));
    X509V3_EXT_print(bio.get(), found, 0, 0);
    char* text = nullptr;
    const long length = BIO_get_mem_data(bio.get(), &text);
    const std::string value(text, static_cast<std::size_t>(length));
    return X509_EXTENSION_get_critical(found) != 0 ? "critical " + value : value;
}

/// The code of a refusal to issue `profile`; nothing when it is issued.
std::optional<Code> refusal(const LoginProfile& profile) {
    const auto certificate = ours().issuer.issue_login(new_public_key(), profile);
    if (certificate) {
        return std::nullopt;
    }
    return certificate.error().code;
}

TEST(Issuer, KeepsToTheProfileOfALoginCertificate) {
    const PublicKey key = new_public_key();
    const Certificate certificate = ours().issuer.issue_login(key, alice()).value();
    EXPECT_EQ(certificate.subject(), "CN=alice,O=on-call,O=analysts");
    EXPECT_EQ(extension(certificate, NID_basic_constraints), "critical CA:FALSE");
    EXPECT_EQ(extension(certificate, NID_key_usage), "critical Digital Signature");
    EXPECT_EQ(extension(certificate, NID_ext_key_usage), "TLS Web Client Authentication");
    EXPECT_EQ(extension(certificate, NID_subject_alt_name), "URI:spiffe://example.internal/user/alice");
    EXPECT_THAT(extension(certificate, NID_crl_distribution_points),
                HasSubstr("URI:http://ca.example.internal/v1/crl"));
    EXPECT_EQ(extension(certificate, NID_authority_key_identifier),
              extension(ours().issuing.certificate, NID_subject_key_identifier));
    EXPECT_FALSE(extension(certificate, NID_subject_key_identifier).empty());
    EXPECT_EQ(X509_get_version(certificate.get()), X509_VERSION_3);
    const X509_NAME* subject = X509_get_subject_name(certificate.get());
    for (int i = 0; i < X509_NAME_entry_count(subject); ++i) {
        EXPECT_EQ(ASN1_STRING_type(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, i))),
                  V_ASN1_UTF8STRING);
    }
    const int session = X509_get_ext_by_OBJ(certificate.get(), session_oid(), -1);
    ASSERT_GE(session, 0);
    EXPECT_EQ(X509_EXTENSION_get_critical(X509_get_ext(certificate.get(), session)), 0);
    EXPECT_EQ(EVP_PKEY_eq(X509_get0_pubkey(certificate.get()), key.get()), 1);
}

TEST(Issuer, GivesEverySerialOnce) {
    std::set<std::string> seen;
    for (int i = 0; i < 200; ++i) {
        const std::string serial = ours().issuer.issue_login(new_public_key(), alice()).value().serial();
        EXPECT_TRUE(seen.insert(serial).second);
        EXPECT_FALSE(serial.starts_with('-'));
        EXPECT_GE(serial.size(), 28U);
    }
}

TEST(Issuer, GivesAServerCertificateThatItsBundleAccepts) {
    ServerProfile profile;
    profile.common_name = "gw1.example.internal";
    profile.uris = {server_uri("example.internal", ServerKind::gateway, "gw1")};
    profile.names = {"gw1.example.internal", "192.0.2.1", "2001:db8::1"};
    profile.not_before = kNow - 60s;
    profile.not_after = kNow + 24h;
    const Certificate certificate = ours().issuer.issue_server(new_public_key(), profile).value();
    EXPECT_TRUE(ours().bundle.verify(certificate, {}, Purpose::server_auth, kNow));
    EXPECT_FALSE(ours().bundle.verify(certificate, {}, Purpose::client_auth, kNow));
    EXPECT_TRUE(check_server_identity(certificate, "example.internal", ServerKind::gateway, "gw1"));
    EXPECT_EQ(X509_check_host(certificate.get(), "gw1.example.internal", 0, 0, nullptr), 1);
    EXPECT_EQ(X509_check_host(certificate.get(), "gw2.example.internal", 0, 0, nullptr), 0);
    EXPECT_EQ(X509_check_ip_asc(certificate.get(), "192.0.2.1", 0), 1);
    EXPECT_EQ(X509_check_ip_asc(certificate.get(), "2001:db8::1", 0), 1);
    EXPECT_EQ(extension(certificate, NID_ext_key_usage), "TLS Web Server Authentication");
}

TEST(Issuer, RefusesServerNamesThatAreNone) {
    ServerProfile profile;
    profile.common_name = "gw1";
    profile.uris = {server_uri("example.internal", ServerKind::gateway, "gw1")};
    profile.not_before = kNow;
    profile.not_after = kNow + 1h;
    EXPECT_TRUE(ours().issuer.issue_server(new_public_key(), profile));
    for (const auto* name :
         {"", "*.example.org", "a b", "a,DNS:b", ".a", "a..b", "a/b", "-a", "[::1]", "::zz"}) {
        profile.names = {name};
        EXPECT_FALSE(ours().issuer.issue_server(new_public_key(), profile)) << name;
    }
    profile.names.clear();
    profile.uris = {"spiffe://x/ y"};
    EXPECT_FALSE(ours().issuer.issue_server(new_public_key(), profile));
    profile.uris.clear();
    EXPECT_FALSE(ours().issuer.issue_server(new_public_key(), profile));
    profile.uris.assign(kMostServices + 1, server_uri("example.internal", ServerKind::service, "a"));
    EXPECT_FALSE(ours().issuer.issue_server(new_public_key(), profile));
}

TEST(Issuer, RefusesAProfileThatWouldNotReadBack) {
    const auto bent = [](auto&& bend) {
        LoginProfile profile = alice();
        bend(profile);
        return refusal(profile);
    };
    EXPECT_EQ(bent([](LoginProfile&) {}), std::nullopt);
    EXPECT_EQ(bent([](LoginProfile& p) { p.groups.clear(); }), std::nullopt);
    EXPECT_EQ(bent([](LoginProfile& p) { p.crl_url.clear(); }), std::nullopt);
    EXPECT_EQ(bent([](LoginProfile& p) { p.groups = {std::string(63, 'g')}; }), std::nullopt);
    EXPECT_EQ(bent([](LoginProfile& p) { p.groups = {std::string(65, 'g')}; }), Code::malformed_request);
    EXPECT_EQ(bent([](LoginProfile& p) { p.groups = {""}; }), Code::malformed_request);
    EXPECT_EQ(bent([](LoginProfile& p) { p.groups.assign(257, "g"); }), Code::malformed_request);
    EXPECT_EQ(bent([](LoginProfile& p) { p.name = ""; }), Code::malformed_request);
    EXPECT_EQ(bent([](LoginProfile& p) { p.name = "a/b"; }), Code::malformed_request);
    EXPECT_EQ(bent([](LoginProfile& p) { p.session_id = ""; }), Code::malformed_request);
    EXPECT_EQ(bent([](LoginProfile& p) { p.trust_domain = "No Domain"; }), Code::malformed_request);
    EXPECT_EQ(bent([](LoginProfile& p) { p.crl_url = "http://a b"; }), Code::malformed_request);
    EXPECT_EQ(bent([](LoginProfile& p) { p.not_after = p.not_before; }), Code::malformed_request);
}

TEST(Issuer, LetsNoCertificateOutliveItsAuthority) {
    LoginProfile profile = alice();
    profile.not_after = kNow + 24h * 10000;
    const Certificate certificate = ours().issuer.issue_login(new_public_key(), profile).value();
    EXPECT_EQ(certificate.not_after(), ours().issuing.certificate.not_after());
    profile.not_before = ours().issuing.certificate.not_after() + 1s;
    EXPECT_EQ(refusal(profile), Code::config_invalid);
}

TEST(Issuer, MayMakeNoAuthorityBelowItself) {
    const auto below =
        make_intermediate(ours().issuing, {"Below", "", std::chrono::hours(1)}, kNow).value();
    const auto leaf = test::mint(test::login_profile("mallory", kNow), below).value();
    const auto verified =
        ours().bundle.verify(leaf.certificate, {below.certificate}, Purpose::client_auth, kNow);
    ASSERT_FALSE(verified);
    EXPECT_EQ(verified.error().code, Code::unknown_issuer);
}

TEST(Issuer, IsMadeOnlyOfAKeyAndChainThatFit) {
    const Certificate& root = ours().root.certificate;
    const Certificate& issuing = ours().issuing.certificate;
    EXPECT_TRUE(Issuer::make(ours().issuing.key, {issuing, root}));
    EXPECT_TRUE(Issuer::make(ours().root.key, {root}));
    EXPECT_FALSE(Issuer::make(ours().issuing.key, {}));
    EXPECT_FALSE(Issuer::make(ours().root.key, {issuing, root}));
    EXPECT_FALSE(Issuer::make(ours().issuing.key, {issuing}));
    EXPECT_FALSE(Issuer::make(ours().issuing.key, {issuing, issuing}));
    const auto other = test::make_authority("Postern User CA", kNow);
    const auto wrong = Issuer::make(ours().issuing.key, {issuing, other.root.certificate});
    ASSERT_FALSE(wrong);
    EXPECT_EQ(wrong.error().code, Code::config_invalid);
    const auto leaf = test::mint_self_signed(test::login_profile("alice", kNow)).value();
    EXPECT_FALSE(Issuer::make(leaf.key, {leaf.certificate}));
}

TEST(Issuer, SignsFromSeveralThreadsAtOnce) {
    std::vector<std::thread> threads;
    std::atomic<int> accepted = 0;
    for (int i = 0; i < 4; ++i) {
        threads.emplace_back([&accepted] {
            const PublicKey key = new_public_key();
            for (int j = 0; j < 25; ++j) {
                const auto certificate = ours().issuer.issue_login(key, alice());
                accepted += certificate && certificate->session_id() &&
                            ours().bundle.verify(*certificate, {}, Purpose::client_auth, kNow);
            }
        });
    }
    for (std::thread& thread : threads) {
        thread.join();
    }
    EXPECT_EQ(accepted, 100);
}

TEST(Issuer, RefusesACrlThatCannotBe) {
    EXPECT_FALSE(ours().issuer.issue_crl(1, kNow, kNow, {}));
    for (const auto* serial : {"", "xyz", "abc", "-01", "112233445566778899001122334455667788990011"}) {
        EXPECT_FALSE(ours().issuer.issue_crl(1, kNow, kNow + 1h, {{serial, kNow}})) << serial;
    }
}

}  // namespace
}  // namespace postern::pki

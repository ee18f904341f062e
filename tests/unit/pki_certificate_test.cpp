#include <algorithm>
#include <chrono>
#include <set>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/err.h>

#include "pki/certificate.hpp"
#include "pki/certificate_builder.hpp"
#include "pki/identity.hpp"
#include "support/odd_certificates.hpp"
#include "unit/pki_fixture.hpp"

namespace postern::pki {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;

Certificate self_signed(const test::OddProfile& profile) {
    return test::mint_self_signed(profile).value().certificate;
}

TEST(Certificate, TellsItsFields) {
    test::OddProfile profile = test::login_profile("alice", kNow);
    profile.groups = {"on-call", "analysts"};
    profile.names = {"alice.example.org", "192.0.2.7"};
    const Certificate certificate = self_signed(profile);
    EXPECT_EQ(certificate.subject(), "CN=alice,O=analysts,O=on-call");
    EXPECT_EQ(certificate.issuer(), certificate.subject());
    EXPECT_EQ(certificate.common_name(), "alice");
    EXPECT_THAT(certificate.organizations(), ElementsAre("on-call", "analysts"));
    EXPECT_THAT(certificate.uris(), ElementsAre("spiffe://test.internal/user/alice"));
    EXPECT_THAT(certificate.dns_names(), ElementsAre("alice.example.org"));
    EXPECT_EQ(certificate.not_before(), profile.not_before);
    EXPECT_EQ(certificate.not_after(), profile.not_after);
    EXPECT_EQ(certificate.session_id(), "session-of-alice");
    EXPECT_FALSE(certificate.is_ca());
    EXPECT_EQ(certificate.fingerprint().size(), 64U);
    EXPECT_EQ(certificate.serial().size() % 2, 0U);
    EXPECT_EQ(certificate.serial().find_first_not_of("0123456789abcdef"), std::string::npos);
}

TEST(Certificate, WithoutAlternativeNamesOrSessionHasNone) {
    test::OddProfile profile = test::login_profile("alice", kNow);
    profile.uris.clear();
    profile.groups.clear();
    profile.session_id.clear();
    const Certificate certificate = self_signed(profile);
    EXPECT_THAT(certificate.uris(), IsEmpty());
    EXPECT_THAT(certificate.dns_names(), IsEmpty());
    EXPECT_THAT(certificate.organizations(), IsEmpty());
    EXPECT_EQ(certificate.session_id(), std::nullopt);
}

TEST(Certificate, OfTwoCommonNamesHasNone) {
    const PrivateKey key = PrivateKey::generate_p256().value();
    CertificateBuilder builder;
    builder.subject(NID_commonName, "alice")
        .subject(NID_commonName, "bob")
        .validity(kNow, kNow + 1h)
        .public_key(key.get());
    EXPECT_EQ(builder.sign(key).value().common_name(), "");
}

TEST(Certificate, WhoseCommonNameHoldsANulHasNone) {
    // What a C program would read as "alice".
    const PrivateKey key = PrivateKey::generate_p256().value();
    CertificateBuilder builder;
    builder.subject(NID_commonName, std::string_view("alice\0.example.org", 18))
        .validity(kNow, kNow + 1h)
        .public_key(key.get());
    EXPECT_EQ(builder.sign(key).value().common_name(), "");
}

TEST(Certificate, SubjectEscapesWhatWouldReadAsAnotherAttribute) {
    test::OddProfile profile = test::login_profile("alice", kNow);
    profile.groups = {};
    profile.common_name = "alice,O=admins";
    EXPECT_EQ(self_signed(profile).subject(), "CN=alice\\,O=admins");
    profile.common_name = "älice\n";
    EXPECT_EQ(self_signed(profile).subject(), "CN=älice\\0A");
}

TEST(Certificate, SessionMustBeOneWellFormedText) {
    test::OddProfile profile = test::login_profile("alice", kNow);
    profile.session_id = "with space";
    EXPECT_EQ(self_signed(profile).session_id(), std::nullopt);
    profile.session_id = std::string(65, 'a');
    EXPECT_EQ(self_signed(profile).session_id(), std::nullopt);
    profile.session_id = std::string(64, 'a');
    EXPECT_EQ(self_signed(profile).session_id(), profile.session_id);
    const PrivateKey key = PrivateKey::generate_p256().value();
    CertificateBuilder twice;
    twice.subject(NID_commonName, "alice")
        .validity(kNow, kNow + 1h)
        .public_key(key.get())
        .session("a")
        .session("b");
    EXPECT_EQ(twice.sign(key).value().session_id(), std::nullopt);
}

TEST(Certificate, LivesBeyondTheYear2049) {
    test::OddProfile profile = test::login_profile("alice", kNow);
    profile.not_after = parse_time("2061-01-02T03:04:05Z").value();
    EXPECT_EQ(self_signed(profile).not_after(), profile.not_after);
}

TEST(Certificate, SurvivesTheRoundTripThroughPem) {
    const auto authority = test::make_authority("Round Trip", kNow);
    const std::vector<Certificate> chain{authority.issuing.certificate, authority.root.certificate};
    const auto again = certificates_from_pem("a comment\n" + to_pem(chain) + "another\n").value();
    ASSERT_EQ(again.size(), 2U);
    EXPECT_EQ(again[0].der(), chain[0].der());
    EXPECT_EQ(again[1].der(), chain[1].der());
    EXPECT_TRUE(again[0].is_ca());
}

TEST(Certificates, ArePickedOutOfAFileThatHoldsTheKeyToo) {
    const auto minted = test::mint_self_signed(test::login_profile("alice", kNow)).value();
    const std::string pem = std::string(minted.key.to_pem().value().reveal()) + minted.certificate.pem();
    EXPECT_EQ(certificates_from_pem(pem).value().size(), 1U);
}

TEST(Certificates, AreRefusedWhenNoneOrDamagedOrTooMany) {
    const auto code = [](const std::string& pem) {
        const auto certificates = certificates_from_pem(pem);
        EXPECT_EQ(ERR_peek_error(), 0UL);
        return certificates ? Code::internal : certificates.error().code;
    };
    const std::string pem = self_signed(test::login_profile("alice", kNow)).pem();
    EXPECT_EQ(code(""), Code::malformed_certificate);
    EXPECT_EQ(code("hello"), Code::malformed_certificate);
    EXPECT_EQ(code(PrivateKey::generate_p256().value().public_pem().value()), Code::malformed_certificate);
    EXPECT_EQ(code(pem + pem.substr(0, pem.size() / 2)), Code::malformed_certificate);
    std::string damaged = pem;
    damaged[100] = damaged[100] == '*' ? '#' : '*';
    EXPECT_EQ(code(pem + damaged), Code::malformed_certificate);
    EXPECT_EQ(code("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
              Code::malformed_certificate);
    std::string many;
    for (int i = 0; i < 64; ++i) {
        many += pem;
    }
    EXPECT_EQ(certificates_from_pem(many).value().size(), 64U);
    EXPECT_EQ(code(many + pem), Code::malformed_certificate);
}

TEST(LoginIdentity, IsReadFromALoginCertificate) {
    const Certificate certificate = self_signed(test::login_profile("alice", kNow));
    const LoginIdentity identity = login_identity(certificate).value();
    EXPECT_EQ(identity.name, "alice");
    EXPECT_EQ(identity.trust_domain, "test.internal");
    EXPECT_EQ(identity.serial, certificate.serial());
    EXPECT_EQ(identity.fingerprint, certificate.fingerprint());
    EXPECT_TRUE(identity.is_in("analysts"));
    EXPECT_FALSE(identity.is_in("analyst"));
    EXPECT_FALSE(identity.is_in(""));
}

TEST(LoginIdentity, IsRefusedWhenTheCertificateIsAnythingElse) {
    const auto refused = [](auto&& bend) {
        test::OddProfile profile = test::login_profile("alice", kNow);
        bend(profile);
        const auto identity = login_identity(self_signed(profile));
        return !identity && identity.error().code == Code::malformed_certificate;
    };
    EXPECT_TRUE(refused([](auto& profile) { profile.uris = {"spiffe://test.internal/user/bob"}; }));
    EXPECT_TRUE(refused([](auto& profile) { profile.uris = {"spiffe://test.internal/gateway/alice"}; }));
    EXPECT_TRUE(refused([](auto& profile) { profile.uris = {"spiffe://test.internal/user/alice/x"}; }));
    EXPECT_TRUE(refused([](auto& profile) { profile.uris = {"spiffe:///user/alice"}; }));
    EXPECT_TRUE(refused([](auto& profile) { profile.uris = {"https://test.internal/user/alice"}; }));
    EXPECT_TRUE(refused([](auto& profile) { profile.uris.clear(); }));
    EXPECT_TRUE(refused([](auto& profile) { profile.uris.push_back(profile.uris.front()); }));
    EXPECT_TRUE(refused(
        [](auto& profile) { profile.uris = {std::string("spiffe://test.internal/user/alice\0", 34)}; }));
    EXPECT_TRUE(refused([](auto& profile) { profile.session_id.clear(); }));
    EXPECT_TRUE(refused([](auto& profile) { profile.groups = {"two words"}; }));
    EXPECT_TRUE(refused([](auto& profile) { profile.common_name = "Alice Liddell"; }));
    EXPECT_FALSE(refused([](auto& profile) { profile.groups.clear(); }));
}

TEST(ServerIdentity, IsThatOfItsKindAndNameOnly) {
    test::OddProfile profile = test::login_profile("gw1", kNow);
    profile.usage = test::Usage::server_auth;
    profile.uris = {server_uri("example.org", ServerKind::gateway, "gw1")};
    EXPECT_EQ(profile.uris.front(), "spiffe://example.org/gateway/gw1");
    const Certificate gateway = self_signed(profile);
    EXPECT_TRUE(check_server_identity(gateway, "example.org", ServerKind::gateway, "gw1"));
    EXPECT_TRUE(check_server_identity(gateway, "example.org", ServerKind::gateway, ""));
    // A gateway cannot play the database, another gateway, or one of somebody else.
    EXPECT_FALSE(check_server_identity(gateway, "example.org", ServerKind::service, "gw1"));
    EXPECT_FALSE(check_server_identity(gateway, "example.org", ServerKind::service, ""));
    EXPECT_FALSE(check_server_identity(gateway, "example.org", ServerKind::gateway, "gw2"));
    EXPECT_FALSE(check_server_identity(gateway, "example.org", ServerKind::gateway, "gw"));
    EXPECT_FALSE(check_server_identity(gateway, "example.com", ServerKind::gateway, "gw1"));
    const auto refused = check_server_identity(gateway, "", ServerKind::gateway, "gw1");
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Code::wrong_server_identity);
}

TEST(ServerIdentity, OfAPostgresServerIsEachOfItsServices) {
    test::OddProfile profile = test::login_profile("db1", kNow);
    profile.uris = {"spiffe://example.org/service/orders-db", "spiffe://example.org/service/billing-db"};
    const Certificate both = self_signed(profile);
    EXPECT_TRUE(check_server_identity(both, "example.org", ServerKind::service, "orders-db"));
    EXPECT_TRUE(check_server_identity(both, "example.org", ServerKind::service, "billing-db"));
    for (const auto* other : {"orders", "orders-db2", "billing-db/x", "gw1"}) {
        EXPECT_FALSE(check_server_identity(both, "example.org", ServerKind::service, other)) << other;
    }
    EXPECT_FALSE(check_server_identity(both, "example.org", ServerKind::gateway, "orders-db"));
    EXPECT_FALSE(check_server_identity(both, "example.com", ServerKind::service, "orders-db"));
    for (const auto* odd : {"spiffe://example.org/user/alice", "spiffe://example.com/service/billing-db",
                            "spiffe://example.org/service/", "spiffe://example.org/service/a/b", "x"}) {
        profile.uris = {"spiffe://example.org/service/orders-db", odd};
        EXPECT_FALSE(check_server_identity(self_signed(profile), "example.org", ServerKind::service, "orders-db"))
            << odd;
    }
}

TEST(ServerIdentity, OfAGatewayOrACaServiceIsOneAlone) {
    test::OddProfile profile = test::login_profile("gw1", kNow);
    for (const auto kind : {ServerKind::gateway, ServerKind::ca}) {
        profile.uris = {server_uri("example.org", kind, "one")};
        EXPECT_TRUE(check_server_identity(self_signed(profile), "example.org", kind, "one"));
        profile.uris.push_back(server_uri("example.org", kind, "two"));
        EXPECT_FALSE(check_server_identity(self_signed(profile), "example.org", kind, "one"));
    }
}

TEST(ServiceHost, IsTheServiceBelowTheTrustDomain) {
    EXPECT_EQ(service_host("example.org", "orders-db"), "orders-db.service.example.org");
    EXPECT_EQ(service_host("example.org", "a.b_c"), "a.b_c.service.example.org");
}

TEST(ServiceHost, IsAnotherForEachService) {
    std::set<std::string> hosts;
    const std::vector<std::string> names = {"orders", "Orders", "ORDERS", "a.b",
                                            "a..b",   "a.",     "a",      "a.service"};
    for (const std::string& name : names) {
        const std::string host = service_host("example.org", name);
        EXPECT_TRUE(hosts.insert(host).second) << name;
        EXPECT_TRUE(is_service_host("example.org", host)) << host;
        EXPECT_EQ(std::count_if(host.begin(), host.end(), [](char c) { return c >= 'A' && c <= 'Z'; }), 0);
        EXPECT_EQ(host.find(".."), host.npos) << host;
    }
    EXPECT_EQ(service_host(std::string(60, 'a') + "." + std::string(180, 'b'), "orders"), "")
        << "no room for it";
}

TEST(ServiceHost, IsKnownInEveryCase) {
    for (const auto* name :
         {"ORDERS-DB.Service.Example.ORG", "orders-db.service.example.org.", "*.service.example.org",
          "a.b.service.example.org", "x.SERVICE-ID.example.org"}) {
        EXPECT_TRUE(is_service_host("example.org", name)) << name;
    }
    for (const auto* name :
         {"", ".", "orders-db.example.org", "service.example.org", "db-service.example.org",
          "orders-db.service.example.com", "orders-db.service.example.org.evil.net"}) {
        EXPECT_FALSE(is_service_host("example.org", name)) << name;
    }
}

TEST(ServerIdentity, IsRefusedWhenThereAreSeveralKinds) {
    test::OddProfile profile = test::login_profile("gw1", kNow);
    profile.uris = {"spiffe://example.org/gateway/gw1", "spiffe://example.org/service/orders-db"};
    const Certificate both = self_signed(profile);
    EXPECT_FALSE(check_server_identity(both, "example.org", ServerKind::gateway, "gw1"));
    EXPECT_FALSE(check_server_identity(both, "example.org", ServerKind::service, "orders-db"));
    profile.uris = {"spiffe://example.org/ca/a/b"};
    EXPECT_FALSE(check_server_identity(self_signed(profile), "example.org", ServerKind::ca, ""));
    profile.uris = {};
    EXPECT_FALSE(check_server_identity(self_signed(profile), "example.org", ServerKind::ca, ""));
}

TEST(Names, AreWhatPostgresCanTake) {
    EXPECT_TRUE(is_login_name("alice"));
    EXPECT_TRUE(is_login_name("alice.liddell@example.org"));
    EXPECT_TRUE(is_login_name("alice+test@example.org"));
    EXPECT_TRUE(is_login_name("_svc-1"));
    EXPECT_TRUE(is_login_name(std::string(63, 'a')));
    for (const auto& text :
         {std::string(), std::string(64, 'a'), std::string("-alice"), std::string(".alice"),
          std::string("@alice"), std::string("+alice"), std::string("al ice"), std::string("al/ice"),
          std::string("älice"), std::string("alice\0", 6), std::string("alice\n")}) {
        EXPECT_FALSE(is_login_name(text)) << text;
    }
    EXPECT_TRUE(is_resource_name("orders-db"));
    EXPECT_FALSE(is_resource_name("orders@db"));
    EXPECT_FALSE(is_resource_name("orders+db"));
}

TEST(Names, OfTrustDomainsAreLowerCaseDns) {
    EXPECT_TRUE(is_trust_domain("example.internal"));
    EXPECT_TRUE(is_trust_domain("localhost"));
    for (const auto& text :
         {std::string(), std::string("Example.org"), std::string(".example"), std::string("example."),
          std::string("a..b"), std::string("-a"), std::string("a-"), std::string("a-.b"), std::string("a/b"),
          std::string("a:1"), std::string("a@b"), std::string(64, 'a'), std::string(256, 'a')}) {
        EXPECT_FALSE(is_trust_domain(text)) << text;
    }
}

}  // namespace
}  // namespace postern::pki

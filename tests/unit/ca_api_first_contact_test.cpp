// GET /v1/trust, read before anything is believed of it.

#include <csignal>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "base/json.hpp"
#include "ca_api/enrolment.hpp"
#include "ca_api/first_contact.hpp"
#include "pki/certificate_builder.hpp"
#include "support/middleman.hpp"
#include "support/odd_certificates.hpp"

namespace postern::ca_api {
namespace {

using nlohmann::json;

TEST(TrustAnswer, IsReadWhole) {
    const auto users = test::make_authority("User CA", system_clock()());
    const auto servers = test::make_authority("Server CA", system_clock()());
    const json good{{"trust_domain", "example.org"},
                    {"user_ca", users.bundle.pem()},
                    {"server_ca", servers.bundle.pem()}};
    const auto trust = trust_from_json(json_text(good));
    ASSERT_TRUE(trust);
    EXPECT_EQ(trust->trust_domain, "example.org");
    EXPECT_EQ(trust->user_ca.certificates().size(), 2U);
    EXPECT_EQ(claimed_trust_from_json(json_text(good))->server_ca.size(), 2U);
    for (const char* member : {"trust_domain", "user_ca", "server_ca"}) {
        for (const json& odd : {json(), json(7), json("x y"), json::array()}) {
            json bad = good;
            bad[member] = odd;
            EXPECT_EQ(trust_from_json(json_text(bad)).error().code, Code::malformed_request) << bad[member];
        }
    }
    for (const char* text : {"", "null", "[]", "7", "\"x\"", "{", "{}"}) {
        EXPECT_FALSE(trust_from_json(text)) << text;
        EXPECT_FALSE(claimed_trust_from_json(text)) << text;
    }
}

TEST(TrustAnswer, IsRefusedWithTwoHundredCertificates) {
    const auto servers = test::make_authority("Server CA", system_clock()());
    std::string many;
    for (int i = 0; i < 200; ++i) {
        many += servers.root.certificate.pem();
    }
    const json sent{{"trust_domain", "example.org"}, {"server_ca", many}};
    EXPECT_EQ(claimed_trust_from_json(json_text(sent)).error().code, Code::malformed_request);
}

class FirstContact : public testing::Test {
protected:
    static void SetUpTestSuite() { ::signal(SIGPIPE, SIG_IGN); }
    static http::ClientOptions to(const test::Middleman& middleman) {
        http::ClientOptions options;
        options.url = middleman.url();
        return options;
    }
    test::Authority ours_ = test::make_authority("Server CA", system_clock()());
    Fingerprint pin_ = Fingerprint::of(ours_.root.certificate);
    const Secret token_{std::string_view("token")};
    pki::PrivateKey key_ = pki::PrivateKey::generate_p256().value();
};

TEST_F(FirstContact, SendsNothingToWhoeverHasTheRightRootAndAnAuthorityOfHisOwnBesideIt) {
    for (test::Disguise& disguise : test::disguises(ours_.root.certificate, ours_.issuing.certificate)) {
        const test::Middleman middleman(ours_.root.certificate, disguise.own, disguise.shown);
        auto client = first_contact(to(middleman), pin_, system_clock()());
        ASSERT_TRUE(client) << client.error().detail;
        const auto enrolled = enroll(*client, token_, key_);
        ASSERT_FALSE(enrolled) << disguise.name;
        EXPECT_EQ(enrolled.error().code, Code::unknown_issuer) << disguise.name;
        EXPECT_EQ(middleman.asked(), 1);
        EXPECT_EQ(middleman.secrets(), 0) << disguise.name;
    }
}

TEST_F(FirstContact, EndsWhereNobodyHasTheFingerprint) {
    const auto theirs = test::make_authority("Server CA", system_clock()());
    const test::Middleman other(theirs.root.certificate, theirs.issuing, {});
    const auto client = first_contact(to(other), pin_, system_clock()());
    ASSERT_FALSE(client);
    EXPECT_EQ(client.error().code, Code::unknown_issuer);
    http::ClientOptions nowhere;
    nowhere.url = "https://127.0.0.1:1";
    EXPECT_EQ(first_contact(nowhere, pin_, system_clock()()).error().code, Code::unreachable);
    nowhere.url = "http://127.0.0.1";
    EXPECT_EQ(first_contact(nowhere, pin_, system_clock()()).error().code, Code::config_invalid);
}

TEST_F(FirstContact, ReachesWhomThePinnedRootVouchesFor) {
    // The same server with the right authority: nobody stands between.
    test::OddProfile issuing;
    issuing.common_name = "Issuing";
    issuing.not_before = system_clock()() - std::chrono::hours(1);
    issuing.not_after = system_clock()() + std::chrono::hours(24);
    issuing.usage = test::Usage::none;
    issuing.is_ca = true;
    const auto right = test::mint(issuing, ours_.root).value();
    const test::Middleman honest(ours_.root.certificate, right, {right.certificate});
    auto client = first_contact(to(honest), pin_, system_clock()());
    ASSERT_TRUE(client) << client.error().detail;
    const auto enrolled = enroll(*client, token_, key_);
    ASSERT_TRUE(enrolled) << enrolled.error().detail;
    EXPECT_EQ(X509_check_private_key(enrolled->chain.front().get(), key_.get()), 1);
    EXPECT_EQ(honest.secrets(), 1);
}

}  // namespace
}  // namespace postern::ca_api

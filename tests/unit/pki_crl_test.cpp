#include <chrono>
#include <functional>
#include <string>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#include "pki/asn1.hpp"
#include "pki/crl.hpp"
#include "pki/der.hpp"
#include "pki/digest.hpp"
#include "pki/issuer.hpp"
#include "support/odd_certificates.hpp"
#include "unit/pki_fixture.hpp"

namespace postern::pki {
namespace {

using namespace std::chrono_literals;

constexpr const char* kSerial = "00a1b2c3d4e5f60718293a4b5c6d7e8f";

std::string encoded(X509_CRL* crl) {
    unsigned char* bytes = nullptr;
    const int length = i2d_X509_CRL(crl, &bytes);
    std::string der(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(length));
    OPENSSL_free(bytes);
    return der;
}

/// An ordinary CRL of our authority with one entry, bent by `change` and signed again.
std::string bent(const std::function<void(X509_CRL*)>& change, const EVP_MD* digest = EVP_sha256()) {
    const std::string der =
        ours().issuer.issue_crl(1, kNow, kNow + 1h, {{kSerial, kNow, RevocationReason::superseded}}).value();
    const auto* at = reinterpret_cast<const unsigned char*>(der.data());
    const X509CrlPtr crl(d2i_X509_CRL(nullptr, &at, static_cast<long>(der.size())));
    change(crl.get());
    X509_CRL_sign(crl.get(), ours().issuing.key.get(), digest);
    return encoded(crl.get());
}

void add_extension(X509_CRL* crl, const char* name, const char* value) {
    std::unique_ptr<X509_EXTENSION, Freer<X509_EXTENSION_free>> extension(
        X509V3_EXT_conf(nullptr, nullptr, name, value));
    ASSERT_TRUE(extension) << name;
    ASSERT_EQ(X509_CRL_add_ext(crl, extension.get(), -1), 1);
}

Code refusal(const std::string& bytes, const Certificate& issuer = ours().issuing.certificate) {
    const auto crl = Crl::verify(bytes, issuer);
    EXPECT_FALSE(crl);
    EXPECT_EQ(ERR_peek_error(), 0UL);
    return crl ? Code::internal : crl.error().code;
}

TEST(Crl, TellsWhichSerialsAreRevokedAndWhy) {
    const auto der = ours().issuer.issue_crl(42, kNow, kNow + 1h,
                                             {{"7f01", kNow, RevocationReason::unspecified},
                                              {"7f02", kNow, RevocationReason::key_compromise},
                                              {"7f03", kNow, RevocationReason::cessation_of_operation},
                                              {kSerial, kNow, RevocationReason::privilege_withdrawn}});
    const Crl crl = Crl::verify(der.value(), ours().issuing.certificate).value();
    EXPECT_EQ(crl.number(), 42U);
    EXPECT_EQ(crl.size(), 4U);
    EXPECT_EQ(crl.this_update(), kNow);
    EXPECT_EQ(crl.next_update(), kNow + 1h);
    EXPECT_EQ(crl.find("7f01"), RevocationReason::unspecified);
    EXPECT_EQ(crl.find("7f02"), RevocationReason::key_compromise);
    EXPECT_EQ(crl.find("7f03"), RevocationReason::cessation_of_operation);
    EXPECT_EQ(crl.find("7f04"), std::nullopt);
    EXPECT_EQ(crl.find(""), std::nullopt);
}

TEST(Crl, FindsASerialAsItsCertificateWritesIt) {
    // Several, because a serial with a leading zero or a high first bit is encoded differently.
    for (int i = 0; i < 64; ++i) {
        const Certificate leaf =
            test::mint(test::login_profile("alice", kNow), ours().issuing).value().certificate;
        const auto der = ours().issuer.issue_crl(1, kNow, kNow + 1h,
                                                 {{leaf.serial(), kNow, RevocationReason::superseded}});
        const Crl crl = Crl::verify(der.value(), ours().issuing.certificate).value();
        EXPECT_EQ(crl.find(leaf.serial()), RevocationReason::superseded) << leaf.serial();
    }
}

TEST(Crl, LeadingZerosOfASerialAreNotPartOfIt) {
    const auto der =
        ours().issuer.issue_crl(1, kNow, kNow + 1h, {{kSerial, kNow, RevocationReason::superseded}});
    const Crl crl = Crl::verify(der.value(), ours().issuing.certificate).value();
    EXPECT_EQ(crl.find(std::string_view(kSerial).substr(2)), RevocationReason::superseded);
}

TEST(Crl, MayRevokeNothing) {
    const auto der = ours().issuer.issue_crl(1, kNow, kNow + 1h, {});
    EXPECT_EQ(Crl::verify(der.value(), ours().issuing.certificate).value().size(), 0U);
}

TEST(Crl, IsReadFromPemToo) {
    const std::string der = ours().issuer.issue_crl(1, kNow, kNow + 1h, {}).value();
    const std::string pem = "-----BEGIN X509 CRL-----\n" + base64(der) + "\n-----END X509 CRL-----\n";
    EXPECT_TRUE(Crl::verify(pem, ours().issuing.certificate));
    EXPECT_EQ(refusal(ours().issuing.certificate.pem()), Code::malformed_certificate);
}

TEST(Crl, OfAHundredThousandEntriesIsReadFast) {
    std::vector<RevokedSerial> revoked;
    for (unsigned int i = 0; i < 100'000; ++i) {
        RevokedSerial entry;
        entry.serial = sha256_hex(std::to_string(i)).substr(0, 30) + "55";
        entry.revoked_at = kNow;
        entry.reason = RevocationReason::cessation_of_operation;
        revoked.push_back(std::move(entry));
    }
    const auto issuing = std::chrono::steady_clock::now();
    const std::string der = ours().issuer.issue_crl(1, kNow, kNow + 1h, revoked).value();
    const auto begin = std::chrono::steady_clock::now();
    RecordProperty("milliseconds_to_issue", static_cast<int>((begin - issuing) / 1ms));
    const Crl crl = Crl::verify(der, ours().issuing.certificate).value();
    const auto took = std::chrono::steady_clock::now() - begin;
    EXPECT_EQ(crl.size(), revoked.size());
    EXPECT_EQ(crl.find(revoked.back().serial), RevocationReason::cessation_of_operation);
    RecordProperty("milliseconds", static_cast<int>(took / 1ms));
    // Far above what it takes, for machines under load and sanitizers.
    EXPECT_LT(took, 10s);
}

TEST(Crl, RefusesBytesThatAreNone) {
    EXPECT_EQ(refusal(""), Code::malformed_certificate);
    EXPECT_EQ(refusal("not a CRL"), Code::malformed_certificate);
    const std::string der = ours().issuer.issue_crl(1, kNow, kNow + 1h, {}).value();
    EXPECT_EQ(refusal(der + "x"), Code::malformed_certificate);
    EXPECT_EQ(refusal(der.substr(0, der.size() - 1)), Code::malformed_certificate);
}

TEST(Crl, RefusesOneOfAnotherAuthorityWithTheSameName) {
    const std::string der = theirs().issuer.issue_crl(1, kNow, kNow + 1h, {}).value();
    EXPECT_TRUE(Crl::verify(der, theirs().issuing.certificate));
    EXPECT_EQ(refusal(der), Code::unknown_issuer);
}

TEST(Crl, RefusesOneOfTheRootInPlaceOfTheIssuingAuthority) {
    const Issuer root = Issuer::make(ours().root.key, {ours().root.certificate}).value();
    EXPECT_EQ(refusal(root.issue_crl(1, kNow, kNow + 1h, {}).value()), Code::unknown_issuer);
}

TEST(Crl, RefusesOneThatWasChanged) {
    std::string der =
        ours().issuer.issue_crl(1, kNow, kNow + 1h, {{kSerial, kNow, RevocationReason::superseded}}).value();
    const auto at = der.find("\xa1\xb2\xc3");
    ASSERT_NE(at, std::string::npos);
    der[at] ^= 1;
    EXPECT_EQ(refusal(der), Code::unknown_issuer);
}

TEST(Crl, RefusesOneSignedByALeafOfTheRightKey) {
    // The issuer must be a CA that may sign CRLs, whatever its key.
    test::OddProfile profile = test::login_profile("alice", kNow);
    const auto leaf = test::mint_self_signed(profile).value();
    const X509CrlPtr crl(X509_CRL_new());
    X509_CRL_set_version(crl.get(), X509_CRL_VERSION_2);
    X509_CRL_set_issuer_name(crl.get(), X509_get_subject_name(leaf.certificate.get()));
    X509_CRL_set1_lastUpdate(crl.get(), X509_get0_notBefore(leaf.certificate.get()));
    X509_CRL_set1_nextUpdate(crl.get(), X509_get0_notAfter(leaf.certificate.get()));
    X509_CRL_sign(crl.get(), leaf.key.get(), EVP_sha256());
    EXPECT_EQ(refusal(encoded(crl.get()), leaf.certificate), Code::wrong_purpose);
}

TEST(Crl, RefusesAWeakSignature) {
    EXPECT_TRUE(Crl::verify(bent([](X509_CRL*) {}), ours().issuing.certificate));
    EXPECT_EQ(refusal(bent([](X509_CRL*) {}, EVP_sha1())), Code::malformed_certificate);
}

std::string delta_of(std::uint64_t base, std::uint64_t number, const std::vector<RevokedSerial>& revoked,
                     const test::Authority& authority = ours()) {
    return authority.issuer.issue_crl(CrlProfile{number, kNow + 1min, kNow + 2h, base}, revoked).value();
}

Crl list_of(std::uint64_t number, const std::vector<RevokedSerial>& revoked) {
    const std::string der = ours().issuer.issue_crl(number, kNow, kNow + 1h, revoked).value();
    return Crl::verify(der, ours().issuing.certificate).value();
}

CrlDelta delta(const std::string& der) {
    return CrlDelta::verify(der, ours().issuing.certificate).value();
}

TEST(CrlDelta, AddsToTheListWhatCameSince) {
    const Crl list = list_of(5, {{"7f01", kNow, RevocationReason::superseded}});
    const Crl now =
        list.with(delta(delta_of(5, 6, {{"7f02", kNow, RevocationReason::key_compromise}}))).value();
    EXPECT_EQ(now.number(), 6U);
    EXPECT_EQ(now.this_update(), kNow + 1min);
    EXPECT_EQ(now.next_update(), kNow + 2h);
    EXPECT_EQ(now.size(), 2U);
    EXPECT_EQ(now.find("7f01"), RevocationReason::superseded);
    EXPECT_EQ(now.find("7f02"), RevocationReason::key_compromise);
    EXPECT_FALSE(now.find("7f03"));
    EXPECT_FALSE(list.find("7f02")) << "the list itself stays as it is";
}

TEST(CrlDelta, MayAddNothingButTime) {
    const Crl now = list_of(5, {{"7f01", kNow, {}}}).with(delta(delta_of(5, 6, {}))).value();
    EXPECT_EQ(now.next_update(), kNow + 2h);
    EXPECT_EQ(now.size(), 1U);
}

TEST(CrlDelta, GoesWithItsBaseOrALaterListAndNoOther) {
    const CrlDelta change = delta(delta_of(5, 8, {{"7f02", kNow, {}}}));
    EXPECT_TRUE(list_of(5, {}).with(change));
    EXPECT_TRUE(list_of(7, {}).with(change));
    for (const std::uint64_t number : {4U, 8U, 9U}) {
        const auto refused = list_of(number, {}).with(change);
        ASSERT_FALSE(refused) << number;
        EXPECT_EQ(refused.error().code, Code::crl_stale);
    }
}

TEST(CrlDelta, OneAfterTheOtherLoseNothingHoweverManyTheyAre) {
    Crl list = list_of(1, {{"7f000001", kNow, RevocationReason::superseded}});
    constexpr int kDeltas = 40;
    constexpr int kEach = 250;
    const auto serial = [](int i) { return fmt::format("7e{:06x}", i * 7919 % 1'000'003); };
    for (int d = 0; d < kDeltas; ++d) {
        std::vector<RevokedSerial> revoked;
        for (int i = 0; i < kEach; ++i) {
            revoked.push_back({serial(d * kEach + i), kNow, RevocationReason::key_compromise});
        }
        const auto number = static_cast<std::uint64_t>(d) + 1;
        list = list.with(delta(delta_of(number, number + 1, revoked))).value();
    }
    EXPECT_EQ(list.size(), 1U + kDeltas * kEach);
    EXPECT_EQ(list.find("7f000001"), RevocationReason::superseded);
    for (int i = 0; i < kDeltas * kEach; ++i) {
        ASSERT_EQ(list.find(serial(i)), RevocationReason::key_compromise) << i;
    }
    EXPECT_FALSE(list.find("7d000000"));
}

TEST(CrlDelta, IsRefusedWhereItIsNoneOrIsOfAnother) {
    const Certificate& issuer = ours().issuing.certificate;
    EXPECT_FALSE(CrlDelta::verify("", issuer));
    EXPECT_FALSE(CrlDelta::verify(ours().issuer.issue_crl(2, kNow, kNow + 1h, {}).value(), issuer))
        << "a complete list says not since when";
    EXPECT_FALSE(CrlDelta::verify(delta_of(1, 2, {}, theirs()), issuer));
    std::string changed = delta_of(1, 2, {});
    changed[changed.size() / 2] = static_cast<char>(changed[changed.size() / 2] ^ 1);
    EXPECT_FALSE(CrlDelta::verify(changed, issuer));
    EXPECT_FALSE(ours().issuer.issue_crl(CrlProfile{2, kNow, kNow + 1h, 2}, {})) << "it is after its base";
}

TEST(CrlDelta, ManyAreTakenApartAndATornOneIsRefused) {
    const std::string first = delta_of(1, 2, {{"7f01", kNow, {}}});
    const std::string second = delta_of(2, 3, {});
    const std::string joined = first + second;
    const auto both = split_deltas(joined);
    ASSERT_TRUE(both);
    ASSERT_EQ(both->size(), 2U);
    EXPECT_EQ(both->front(), first);
    EXPECT_EQ(both->back(), second);
    EXPECT_TRUE(split_deltas("").value().empty());
    EXPECT_FALSE(split_deltas(first + second.substr(0, second.size() - 1)));
    EXPECT_FALSE(split_deltas(first + "x"));
}

/// RFC 5280, section 5.2.4: critical, with the number of the base.
TEST(CrlDelta, IsOneByOpenSslsWord) {
    const std::string der = delta_of(41, 42, {{"7f01", kNow, RevocationReason::superseded}});
    const auto* at = reinterpret_cast<const unsigned char*>(der.data());
    const X509CrlPtr crl(d2i_X509_CRL(nullptr, &at, static_cast<long>(der.size())));
    ASSERT_TRUE(crl);
    int critical = -1;
    const Asn1IntegerPtr base(
        static_cast<ASN1_INTEGER*>(X509_CRL_get_ext_d2i(crl.get(), NID_delta_crl, &critical, nullptr)));
    ASSERT_TRUE(base);
    EXPECT_EQ(critical, 1);
    EXPECT_EQ(ASN1_INTEGER_get(base.get()), 41);
    EXPECT_EQ(X509_CRL_verify(crl.get(), ours().issuing.key.get()), 1);
}

TEST(Crl, RefusesADelta) {
    const auto der = bent([](X509_CRL* crl) { add_extension(crl, "2.5.29.27", "critical,DER:020101"); });
    EXPECT_EQ(refusal(der), Code::malformed_certificate);
    const auto quiet = bent([](X509_CRL* crl) { add_extension(crl, "2.5.29.27", "DER:020101"); });
    EXPECT_EQ(refusal(quiet), Code::malformed_certificate);
}

TEST(Crl, RefusesAnIndirectOne) {
    // IssuingDistributionPoint { indirectCRL [4] TRUE }
    const auto der = bent([](X509_CRL* crl) { add_extension(crl, "2.5.29.28", "critical,DER:30038401FF"); });
    EXPECT_EQ(refusal(der), Code::malformed_certificate);
}

TEST(Crl, RefusesACriticalExtensionThatItDoesNotKnow) {
    const auto der = bent([](X509_CRL* crl) { add_extension(crl, "1.2.3.4", "critical,DER:0500"); });
    EXPECT_EQ(refusal(der), Code::malformed_certificate);
    const auto harmless = bent([](X509_CRL* crl) { add_extension(crl, "1.2.3.4", "DER:0500"); });
    EXPECT_TRUE(Crl::verify(harmless, ours().issuing.certificate));
}

TEST(Crl, RefusesOneWithoutANumberOrWithTwo) {
    const auto without = bent([](X509_CRL* crl) {
        X509_EXTENSION_free(X509_CRL_delete_ext(crl, X509_CRL_get_ext_by_NID(crl, NID_crl_number, -1)));
    });
    EXPECT_EQ(refusal(without), Code::malformed_certificate);
    const auto two = bent([](X509_CRL* crl) { add_extension(crl, "2.5.29.20", "DER:020109"); });
    EXPECT_EQ(refusal(two), Code::malformed_certificate);
    const auto huge = bent([](X509_CRL* crl) {
        X509_EXTENSION_free(X509_CRL_delete_ext(crl, X509_CRL_get_ext_by_NID(crl, NID_crl_number, -1)));
        add_extension(crl, "2.5.29.20", "DER:0209010000000000000000");
    });
    EXPECT_EQ(refusal(huge), Code::malformed_certificate);
}

TEST(Crl, RefusesAnEntryOfAnotherIssuerOrOfADelta) {
    const auto with_entry = [](const char* name, const char* value) {
        return bent([=](X509_CRL* crl) {
            X509_REVOKED* entry = sk_X509_REVOKED_value(X509_CRL_get_REVOKED(crl), 0);
            X509_EXTENSION* extension = X509V3_EXT_conf(nullptr, nullptr, name, value);
            X509_EXTENSION_free(X509_REVOKED_delete_ext(entry, 0));
            X509_REVOKED_add_ext(entry, extension, -1);
            X509_EXTENSION_free(extension);
        });
    };
    EXPECT_EQ(refusal(with_entry("2.5.29.29", "critical,DER:3000")), Code::malformed_certificate);
    EXPECT_EQ(refusal(with_entry("1.2.3.4", "critical,DER:0500")), Code::malformed_certificate);
    EXPECT_EQ(refusal(with_entry("2.5.29.21", "DER:0A0108")), Code::malformed_certificate);
    EXPECT_EQ(refusal(with_entry("2.5.29.21", "DER:0500")), Code::malformed_certificate);
    const Crl held = Crl::verify(with_entry("2.5.29.21", "DER:0A0106"), ours().issuing.certificate).value();
    EXPECT_EQ(held.find(std::string_view(kSerial).substr(2)), RevocationReason::unspecified);
}

/// An ordinary CRL of our authority whose entries are these bytes, signed.
std::string with_entries(const std::string& entries) {
    const std::string der = ours().issuer.issue_crl(1, kNow, kNow + 1h, {}).value();
    DerReader outside(der);
    DerReader list(outside.next()->content);
    std::string content;
    DerReader fields(list.next()->content);
    while (!fields.is_at(der::kContext0)) {
        content += fields.next()->whole;
    }
    content += der_encoded(der::kSequence, entries);
    content += fields.next()->whole;
    const std::string algorithm(list.next()->whole);
    const std::string tbs = der_encoded(der::kSequence, content);
    const EvpMdCtxPtr context(EVP_MD_CTX_new());
    std::string signature(128, '\0');
    std::size_t length = signature.size();
    EXPECT_EQ(EVP_DigestSignInit(context.get(), nullptr, EVP_sha256(), nullptr, ours().issuing.key.get()), 1);
    EXPECT_EQ(EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()), &length,
                             reinterpret_cast<const unsigned char*>(tbs.data()), tbs.size()),
              1);
    signature.resize(length);
    return der_encoded(der::kSequence, tbs + algorithm + der_encoded(der::kBitString, '\0' + signature));
}

std::string entry(const std::string& serial, const std::string& rest = {}) {
    return der_encoded(der::kSequence, der_encoded(der::kInteger, serial) +
                                           der_encoded(der::kUtcTime, "261122120000Z") + rest);
}

TEST(Crl, ReadsEntriesInAnyOrderAndOddSerialsToo) {
    const std::string long_serial = "\x7f" + std::string(24, '\x11');
    const std::string der = with_entries(entry("\x7f\x02") + entry("\x05") + entry(long_serial) +
                                         entry("\xff") + entry(std::string("\0\x80", 2)) + entry("\x05"));
    const Crl crl = Crl::verify(der, ours().issuing.certificate).value();
    EXPECT_EQ(crl.size(), 5U);
    EXPECT_TRUE(crl.find("05"));
    EXPECT_TRUE(crl.find("7f02"));
    EXPECT_TRUE(crl.find("80"));
    EXPECT_TRUE(crl.find("-01"));
    EXPECT_TRUE(crl.find("7f111111111111111111111111111111111111111111111111"));
    EXPECT_FALSE(crl.find("7f1111111111111111111111111111111111111111111111"));
    EXPECT_FALSE(crl.find("04"));
    EXPECT_FALSE(crl.find("7f01"));
    EXPECT_FALSE(crl.find("01"));
    EXPECT_FALSE(crl.find("not hex"));
    EXPECT_FALSE(crl.find("7f0211111111111111111111111111111111111111"));
}

TEST(Crl, RefusesEntriesThatAreNotDer) {
    EXPECT_TRUE(Crl::verify(with_entries(entry("\x05")), ours().issuing.certificate));
    const std::string whole = entry("\x05");
    for (const std::string& bad :
         {whole.substr(0, whole.size() - 1), whole + "\x30", std::string("\x30\x80\0\0", 4), entry(""),
          entry(std::string("\0\x05", 2)), entry("\x05", "x"),
          entry("\x05", der_encoded(der::kSequence, "x")), entry("\x05", der_encoded(der::kInteger, "\x01")),
          der_encoded(der::kSequence, ""), der_encoded(der::kSequence, der_encoded(der::kInteger, "\x05")),
          der_encoded(der::kSequence,
                      der_encoded(der::kInteger, "\x05") + der_encoded(der::kInteger, "\x05")),
          der_encoded(der::kOctetString, whole)}) {
        EXPECT_EQ(refusal(with_entries(bad)), Code::malformed_certificate) << bad.size();
    }
}

TEST(Crl, RefusesAnEntryWithTwoReasons) {
    const auto reason = [](const char* value) {
        return der_encoded(der::kSequence,
                           der_encoded(der::kObjectIdentifier, "\x55\x1d\x15") +
                               der_encoded(der::kOctetString, std::string("\x0a\x01") + value));
    };
    const auto with = [](const std::string& extensions) {
        return with_entries(entry("\x05", der_encoded(der::kSequence, extensions)));
    };
    const Crl one = Crl::verify(with(reason("\x09")), ours().issuing.certificate).value();
    EXPECT_EQ(one.find("05"), RevocationReason::privilege_withdrawn);
    EXPECT_EQ(refusal(with(reason("\x09") + reason("\x01"))), Code::malformed_certificate);
}

TEST(Crl, IsWhatOpenSslReadsToo) {
    const std::string der =
        ours()
            .issuer
            .issue_crl(7, kNow, kNow + 1h,
                       {{kSerial, kNow - 24h, RevocationReason::superseded},
                        {"7f01", kNow, RevocationReason::unspecified},
                        {"ff", kNow, RevocationReason::key_compromise},
                        {"00", parse_time("2051-01-01T00:00:00Z").value(), RevocationReason::unspecified}})
            .value();
    const auto* at = reinterpret_cast<const unsigned char*>(der.data());
    const X509CrlPtr crl(d2i_X509_CRL(nullptr, &at, static_cast<long>(der.size())));
    ASSERT_TRUE(crl);
    EXPECT_EQ(encoded(crl.get()), der);
    EXPECT_EQ(X509_CRL_verify(crl.get(), X509_get0_pubkey(ours().issuing.certificate.get())), 1);
    const STACK_OF(X509_REVOKED)* entries = X509_CRL_get_REVOKED(crl.get());
    ASSERT_EQ(sk_X509_REVOKED_num(entries), 4);
    std::string serials;
    for (int i = 0; i < 4; ++i) {
        serials += serial_text(X509_REVOKED_get0_serialNumber(sk_X509_REVOKED_value(entries, i))) + " ";
    }
    EXPECT_EQ(serials, "00 ff 7f01 " + std::string(kSerial).substr(2) + " ");
    EXPECT_FALSE(ours().issuer.issue_crl(7, kNow, kNow + 1h, {{"xx", kNow, RevocationReason::unspecified}}));
    EXPECT_FALSE(ours().issuer.issue_crl(7, kNow, kNow + 1h, {{"", kNow, RevocationReason::unspecified}}));
    EXPECT_FALSE(ours().issuer.issue_crl(7, kNow, kNow, {}));
}

TEST(RevocationReason, SaysHowARefusalIsCalled) {
    EXPECT_EQ(code_of(RevocationReason::privilege_withdrawn), Code::user_disabled);
    EXPECT_EQ(code_of(RevocationReason::cessation_of_operation), Code::session_ended);
    EXPECT_EQ(code_of(RevocationReason::key_compromise), Code::revoked);
    EXPECT_EQ(code_of(RevocationReason::unspecified), Code::revoked);
}

}  // namespace
}  // namespace postern::pki

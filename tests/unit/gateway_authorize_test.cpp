// Who comes in and who does not: the one predicate, each "lets in" with its "turns away".
#include <chrono>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "gateway/policy/authorize.hpp"
#include "gateway/policy/current_crl.hpp"
#include "support/odd_certificates.hpp"

namespace postern::gateway {
namespace {

using namespace std::chrono_literals;

class Authorize : public testing::Test {
protected:
    static void SetUpTestSuite() { authority_ = new test::Authority(test::make_authority("Users", kNow)); }
    static void TearDownTestSuite() {
        delete authority_;
        authority_ = nullptr;
    }

    /// As far from kNow by both clocks.
    static Moment at(SystemTime wall) { return Moment{wall, EvenTime() + 1h + (wall - kNow)}; }

    static IdentityPtr identity(const std::string& name, std::vector<std::string> groups = {"analysts"}) {
        test::OddProfile profile = test::login_profile(name, kNow);
        profile.groups = std::move(groups);
        const auto minted = test::mint(profile, authority_->issuing);
        return identity_of(minted.value().certificate, "test.internal").value();
    }
    static RevocationsPtr crl(std::vector<pki::RevokedSerial> revoked = {}, std::uint64_t number = 1) {
        CurrentCrl current;
        const auto der = authority_->issuer.issue_crl(number, kNow - 1min, kNow + 1h, revoked);
        return current.offer(der.value(), authority_->bundle, at(kNow)).value();
    }
    static Policy policy(const std::vector<Rule>& rules) {
        return Policy::make(
                   {Service{"orders-db", {"127.0.0.1", "5432"}, Protocol::postgres, Mode::end_to_end},
                    Service{"stock-db", {"127.0.0.1", "5433"}, Protocol::postgres, Mode::passthrough}},
                   rules)
            .value();
    }
    static Policy usual_policy() { return policy({Rule{{"orders-db"}, {}, {"analysts"}}}); }

    static Code refused(const Identity& who, const std::string& service, SystemTime now,
                        const Revocations* list, const Policy& rules, Graces graces = {}) {
        const auto answer = authorize(who, service, at(now), list, rules, graces);
        EXPECT_FALSE(answer);
        return answer ? Code::internal : answer.error().code;
    }

    static const SystemTime kNow;
    static test::Authority* authority_;
};

const SystemTime Authorize::kNow = std::chrono::time_point_cast<std::chrono::microseconds>(
    std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now()));
test::Authority* Authorize::authority_ = nullptr;

TEST_F(Authorize, LetsAMemberOfAnAllowedGroupIn) {
    const auto list = crl();
    const Policy rules = usual_policy();
    const auto answer = authorize(*identity("alice"), "orders-db", at(kNow), list.get(), rules, {});
    ASSERT_TRUE(answer);
    EXPECT_EQ((*answer)->name, "orders-db");
}

TEST_F(Authorize, TurnsAwayWhoIsInNoAllowedGroup) {
    const auto list = crl();
    EXPECT_EQ(refused(*identity("mallory", {"visitors"}), "orders-db", kNow, list.get(), usual_policy()),
              Code::policy_denied);
    EXPECT_EQ(refused(*identity("mallory", {}), "orders-db", kNow, list.get(), usual_policy()),
              Code::policy_denied);
}

TEST_F(Authorize, ComparesGroupsWhole) {
    const auto list = crl();
    for (const char* group : {"analyst", "analysts2", "Analysts", "analysts-"}) {
        EXPECT_EQ(refused(*identity("mallory", {group}), "orders-db", kNow, list.get(), usual_policy()),
                  Code::policy_denied)
            << group;
    }
}

TEST_F(Authorize, LetsANamedUserInAndNobodyOfASimilarName) {
    const auto list = crl();
    const Policy rules = policy({Rule{{"orders-db"}, {"alice"}, {}}});
    EXPECT_TRUE(authorize(*identity("alice", {}), "orders-db", at(kNow), list.get(), rules, {}));
    EXPECT_EQ(refused(*identity("alice2", {}), "orders-db", kNow, list.get(), rules), Code::policy_denied);
    // A group named like the user is no user.
    EXPECT_EQ(refused(*identity("mallory", {"alice"}), "orders-db", kNow, list.get(), rules),
              Code::policy_denied);
}

TEST_F(Authorize, DeniesWhenPolicyIsEmpty) {
    const auto list = crl();
    EXPECT_EQ(refused(*identity("alice"), "orders-db", kNow, list.get(), policy({})), Code::policy_denied);
    EXPECT_EQ(refused(*identity("alice"), "orders-db", kNow, list.get(), Policy()), Code::unknown_service);
}

TEST_F(Authorize, ARuleForOneServiceOpensNoOther) {
    const auto list = crl();
    EXPECT_EQ(refused(*identity("alice"), "stock-db", kNow, list.get(), usual_policy()), Code::policy_denied);
}

TEST_F(Authorize, TellsAnUnknownService) {
    const auto list = crl();
    EXPECT_EQ(refused(*identity("alice"), "no-such-db", kNow, list.get(), usual_policy()),
              Code::unknown_service);
}

TEST_F(Authorize, TheOrderOfRulesDoesNotMatter) {
    const auto list = crl();
    std::vector<Rule> rules{Rule{{"orders-db"}, {}, {"analysts"}},
                            Rule{{"orders-db", "stock-db"}, {"bob"}, {}},
                            Rule{{"stock-db"}, {}, {"operators"}}};
    const auto alice = identity("alice");
    const auto bob = identity("bob", {});
    std::sort(rules.begin(), rules.end(),
              [](const Rule& a, const Rule& b) { return a.services < b.services; });
    do {
        const Policy permuted = policy(rules);
        EXPECT_TRUE(authorize(*alice, "orders-db", at(kNow), list.get(), permuted, {}));
        EXPECT_FALSE(authorize(*alice, "stock-db", at(kNow), list.get(), permuted, {}));
        EXPECT_TRUE(authorize(*bob, "stock-db", at(kNow), list.get(), permuted, {}));
    } while (std::next_permutation(rules.begin(), rules.end(),
                                   [](const Rule& a, const Rule& b) { return a.services < b.services; }));
}

TEST_F(Authorize, LetsInUpToTheLastMomentAndJudgesItAsTheHandshakeDoes) {
    const auto list = crl();
    const auto alice = identity("alice");
    const auto end = alice->login.not_after;
    // The CRL of this test ends when the certificate does.
    const Graces graces{1h};
    EXPECT_TRUE(
        authorize(*alice, "orders-db", at(end - 1us), list.get(), usual_policy(), graces).has_value());
    EXPECT_EQ(refused(*alice, "orders-db", end, list.get(), usual_policy(), graces), Code::expired);
    // What OpenSSL says of the same certificate at the same moments.
    test::OddProfile profile = test::login_profile("alice", kNow);
    profile.not_after = end;
    const auto leaf = test::mint(profile, authority_->issuing).value().certificate;
    const auto verified = [&](SystemTime now) {
        return authority_->bundle.verify(leaf, {authority_->issuing.certificate}, pki::Purpose::client_auth,
                                         now);
    };
    EXPECT_TRUE(verified(end - 1us));
    ASSERT_FALSE(verified(end));
    EXPECT_EQ(verified(end).error().code, Code::expired);
}

TEST_F(Authorize, TurnsAwayACertificateOfTomorrow) {
    const auto list = crl();
    const auto alice = identity("alice");
    EXPECT_TRUE(authenticate(*alice, at(alice->login.not_before), list.get(), {}));
    EXPECT_EQ(refused(*alice, "orders-db", alice->login.not_before - 1s, list.get(), usual_policy()),
              Code::not_yet_valid);
}

TEST_F(Authorize, TurnsAwayWhileThereIsNoCrl) {
    EXPECT_EQ(refused(*identity("alice"), "orders-db", kNow, nullptr, usual_policy()), Code::crl_stale);
}

TEST_F(Authorize, TurnsAwayOnAStaleCrlUnlessTheGraceStillRuns) {
    test::OddProfile profile = test::login_profile("alice", kNow);
    profile.not_after = kNow + 8h;
    const auto alice =
        identity_of(test::mint(profile, authority_->issuing).value().certificate, "test.internal").value();
    const auto list = crl();
    const auto due = list->crl.next_update();
    EXPECT_TRUE(authorize(*alice, "orders-db", at(due - 1us), list.get(), usual_policy(), {}).has_value());
    EXPECT_EQ(refused(*alice, "orders-db", due, list.get(), usual_policy()), Code::crl_stale);
    EXPECT_TRUE(
        authorize(*alice, "orders-db", at(due + 1s), list.get(), usual_policy(), Graces{1min}).has_value());
    EXPECT_EQ(refused(*alice, "orders-db", due + 60s, list.get(), usual_policy(), Graces{1min}),
              Code::crl_stale);
}

TEST_F(Authorize, TurnsAwayWhomTheCrlDoesNotSpeakOf) {
    const test::Authority other = test::make_authority("Others", kNow);
    CurrentCrl current;
    const auto der = other.issuer.issue_crl(1, kNow - 1min, kNow + 1h, {});
    const auto list = current.offer(der.value(), other.bundle, at(kNow)).value();
    EXPECT_EQ(refused(*identity("alice"), "orders-db", kNow, list.get(), usual_policy()), Code::crl_stale);
}

/// As when a CA was made anew: its names are those of the old one, which is still in the bundle.
TEST_F(Authorize, TurnsAwayWhoIsOfAnotherKeyOfTheSameName) {
    const test::Authority anew = test::make_authority("Users", kNow);
    ASSERT_EQ(anew.issuing.certificate.subject(), authority_->issuing.certificate.subject());
    const auto both = pki::TrustBundle::from_pem(authority_->bundle.pem() + anew.bundle.pem()).value();
    const auto revoked = identity("alice");
    CurrentCrl current;
    const auto of_anew = [&](std::uint64_t number, const std::vector<pki::RevokedSerial>& serials) {
        return current
            .offer(anew.issuer.issue_crl(number, kNow - 1min, kNow + 1h, serials).value(), both, at(kNow))
            .value();
    };
    EXPECT_EQ(refused(*revoked, "orders-db", kNow, of_anew(1, {}).get(), usual_policy()), Code::crl_stale);
    // Its word on a serial is not of the other's certificate of that serial.
    const auto list = of_anew(2, {{revoked->login.serial, kNow, pki::RevocationReason::key_compromise}});
    EXPECT_TRUE(check_not_revoked(*revoked, list.get()));
    const auto minted = test::mint(test::login_profile("bob", kNow), anew.issuing).value();
    const auto bob = identity_of(minted.certificate, "test.internal").value();
    EXPECT_TRUE(
        authorize(*bob, "orders-db", at(kNow), list.get(), policy({Rule{{"orders-db"}, {"bob"}, {}}}), {}));
}

// As certificates of other authorities may.
TEST_F(Authorize, GoesByTheIssuersNameWhereACertificateDoesNotNameTheKeyThatSignedIt) {
    Identity unsaid = *identity("alice");
    unsaid.issuer_key.clear();
    const auto list = crl();
    EXPECT_TRUE(authorize(unsaid, "orders-db", at(kNow), list.get(), usual_policy(), {}));
    Revocations others = *list;
    others.issuer = "CN=Others";
    EXPECT_EQ(refused(unsaid, "orders-db", kNow, &others, usual_policy()), Code::crl_stale);
}

TEST_F(Authorize, TurnsAwayTheRevokedWithTheirReasonAndNobodyElse) {
    const auto alice = identity("alice");
    const auto bob = identity("bob");
    const auto carol = identity("carol");
    const auto dave = identity("dave");
    const auto list = crl({{alice->login.serial, kNow, pki::RevocationReason::key_compromise},
                           {bob->login.serial, kNow, pki::RevocationReason::privilege_withdrawn},
                           {carol->login.serial, kNow, pki::RevocationReason::cessation_of_operation}});
    EXPECT_EQ(refused(*alice, "orders-db", kNow, list.get(), usual_policy()), Code::revoked);
    EXPECT_EQ(refused(*bob, "orders-db", kNow, list.get(), usual_policy()), Code::user_disabled);
    EXPECT_EQ(refused(*carol, "orders-db", kNow, list.get(), usual_policy()), Code::session_ended);
    EXPECT_TRUE(authorize(*dave, "orders-db", at(kNow), list.get(), usual_policy(), {}));
}

TEST_F(Authorize, RefusesACertificateOfAnotherTrustDomain) {
    const auto minted = test::mint(test::login_profile("alice", kNow), authority_->issuing);
    EXPECT_TRUE(identity_of(minted.value().certificate, "test.internal"));
    const auto foreign = identity_of(minted.value().certificate, "elsewhere.internal");
    ASSERT_FALSE(foreign);
    EXPECT_EQ(foreign.error().code, Code::malformed_certificate);
}

TEST_F(Authorize, ReadsACertificateOnceForEachTrustDomain) {
    const auto alice =
        test::mint(test::login_profile("alice", kNow), authority_->issuing).value().certificate;
    const auto bob = test::mint(test::login_profile("bob", kNow), authority_->issuing).value().certificate;
    KnownIdentities known;
    const auto first = known.of(alice, "test.internal");
    ASSERT_TRUE(first);
    EXPECT_EQ(known.of(alice, "test.internal").value(), first.value());
    EXPECT_EQ(known.of(bob, "test.internal").value()->login.name, "bob");
    const auto foreign = known.of(alice, "elsewhere.internal");
    ASSERT_FALSE(foreign);
    EXPECT_EQ(foreign.error().code, Code::malformed_certificate);
    EXPECT_EQ(known.size(), 2U);
}

TEST_F(Authorize, RemembersNoMoreCertificatesThanItMay) {
    const auto minted =
        test::mint(test::login_profile("alice", kNow), authority_->issuing).value().certificate;
    KnownIdentities known;
    for (std::size_t i = 0; i < KnownIdentities::kMost + 10; ++i) {
        const pki::X509Ptr copy(X509_dup(minted.get()));
        ASSERT_TRUE(known.of(pki::Certificate::from_x509(copy.get()), "test.internal"));
        ASSERT_LE(known.size(), KnownIdentities::kMost);
    }
    EXPECT_LT(known.size(), 20U);
}

TEST_F(Authorize, TenThousandRulesCostNoMoreThanOne) {
    std::vector<Rule> many;
    for (int i = 0; i < 10'000; ++i) {
        many.push_back(Rule{{"orders-db"}, {"user" + std::to_string(i)}, {"group" + std::to_string(i)}});
    }
    many.push_back(Rule{{"orders-db"}, {}, {"analysts"}});
    const auto list = crl();
    const auto alice = identity("alice");
    const auto cost_of = [&](const Policy& rules) {
        const auto began = std::chrono::steady_clock::now();
        for (int i = 0; i < 20'000; ++i) {
            EXPECT_TRUE(authorize(*alice, "orders-db", at(kNow), list.get(), rules, {}).has_value());
        }
        return std::chrono::steady_clock::now() - began;
    };
    const Policy one = usual_policy();
    const Policy ten_thousand = policy(many);
    // A search through the rules would take a thousand times as long; this machine may be busy.
    EXPECT_LT(cost_of(ten_thousand), 20 * cost_of(one) + 50ms);
}

TEST_F(Authorize, APolicyRefusesRulesForServicesThatDoNotExist) {
    const std::vector<Rule> rules{Rule{{"no-such-db"}, {"alice"}, {}}};
    EXPECT_FALSE(Policy::make({Service{"orders-db", {"h", "1"}, Protocol::tcp, Mode::passthrough}}, rules));
    EXPECT_FALSE(Policy::make({Service{"a", {"h", "1"}, Protocol::tcp, Mode::passthrough},
                               Service{"a", {"h", "2"}, Protocol::tcp, Mode::passthrough}},
                              {}));
}

class OpenTunnels : public Authorize {};

TEST_F(OpenTunnels, StayWhileNothingChangesAlsoOnAStaleCrl) {
    const auto alice = identity("alice");
    const auto list = crl();
    EXPECT_TRUE(check_still_allowed(*alice, "orders-db", kNow, list.get(), usual_policy(), 0s));
    EXPECT_TRUE(check_still_allowed(*alice, "orders-db", kNow, nullptr, usual_policy(), 0s));
}

TEST_F(OpenTunnels, AreCutForEachReasonOfTheirOwn) {
    const auto alice = identity("alice");
    const auto list = crl({{alice->login.serial, kNow, pki::RevocationReason::unspecified}});
    const auto clean = crl();
    const auto end = alice->login.not_after;
    EXPECT_EQ(check_still_allowed(*alice, "orders-db", kNow, list.get(), usual_policy(), 0s).error().code,
              Code::revoked);
    EXPECT_EQ(check_still_allowed(*alice, "orders-db", kNow, clean.get(), policy({}), 0s).error().code,
              Code::policy_denied);
    EXPECT_EQ(check_still_allowed(*alice, "orders-db", end, clean.get(), usual_policy(), 0s).error().code,
              Code::expired);
    EXPECT_TRUE(check_still_allowed(*alice, "orders-db", end - 1us, clean.get(), usual_policy(), 0s));
    EXPECT_TRUE(check_still_allowed(*alice, "orders-db", end + 1s, clean.get(), usual_policy(), 2s));
}

/// The list lasts for 61 minutes. Whoever sets the wall clock back gets no more of it.
TEST_F(Authorize, TurnsAwayOnAListThatWasReceivedLongerAgoThanItLasts) {
    test::OddProfile profile = test::login_profile("alice", kNow);
    profile.not_after = kNow + 8h;
    const auto alice =
        identity_of(test::mint(profile, authority_->issuing).value().certificate, "test.internal").value();
    const auto list = crl();
    const auto judged = [&](std::chrono::minutes later, Graces graces = {}) {
        return authorize(*alice, "orders-db", Moment{kNow, at(kNow + later).even}, list.get(), usual_policy(),
                         graces);
    };
    EXPECT_TRUE(judged(60min).has_value());
    ASSERT_FALSE(judged(61min));
    EXPECT_EQ(judged(61min).error().code, Code::crl_stale);
    EXPECT_TRUE(judged(61min, Graces{5min}).has_value());
    EXPECT_FALSE(judged(66min, Graces{5min}));
}

class CurrentCrlTest : public Authorize {
protected:
    static std::string der(std::uint64_t number, SystemTime next = kNow + 1h) {
        return authority_->issuer.issue_crl(number, kNow - 1min, next, {}).value();
    }
    static std::string der(std::uint64_t number, SystemTime from, SystemTime to) {
        return authority_->issuer.issue_crl(number, from, to, {}).value();
    }
};

TEST_F(CurrentCrlTest, KeepsTheListAtHandAgainstOneOfTheFuture) {
    CurrentCrl current;
    ASSERT_TRUE(current.offer(der(5), authority_->bundle, at(kNow)));
    const auto future = current.offer(der(6, kNow + 240h, kNow + 241h), authority_->bundle, at(kNow));
    ASSERT_FALSE(future);
    EXPECT_EQ(future.error().code, Code::not_yet_valid);
    EXPECT_FALSE(current.offer(der(6, kNow + 6min, kNow + 1h), authority_->bundle, at(kNow)));
    EXPECT_EQ(current.get()->crl.number(), 5U);
    EXPECT_TRUE(current.offer(der(6, kNow + 4min, kNow + 1h), authority_->bundle, at(kNow)));
    EXPECT_EQ(current.get()->crl.number(), 6U);
    // Nor where there is none at hand.
    CurrentCrl empty;
    EXPECT_FALSE(empty.offer(der(6, kNow + 240h, kNow + 241h), authority_->bundle, at(kNow)));
    EXPECT_EQ(empty.get(), nullptr);
}

TEST_F(CurrentCrlTest, KeepsTheListAtHandAgainstOneThatIsOver) {
    CurrentCrl current;
    ASSERT_TRUE(current.offer(der(5), authority_->bundle, at(kNow)));
    const auto over = current.offer(der(6, kNow - 2h, kNow - 1h), authority_->bundle, at(kNow));
    ASSERT_FALSE(over);
    EXPECT_EQ(over.error().code, Code::expired);
    EXPECT_FALSE(current.offer(der(6, kNow - 2h, kNow), authority_->bundle, at(kNow)));
    EXPECT_EQ(current.get()->crl.number(), 5U);
    EXPECT_TRUE(current.offer(der(6, kNow - 2h, kNow + 1s), authority_->bundle, at(kNow)));
    // Of two that are over the newer one knows more; nobody gets in by either.
    EXPECT_TRUE(current.offer(der(7, kNow - 2h, kNow + 1s), authority_->bundle, at(kNow + 1h)));
    EXPECT_EQ(current.get()->crl.number(), 7U);
    EXPECT_FALSE(current.offer(der(6, kNow - 2h, kNow + 1s), authority_->bundle, at(kNow + 1h)));
}

/// A clock that is wrong saves nobody who is revoked; and lets nobody in for longer.
TEST_F(CurrentCrlTest, WhatAListOfAnotherTimeRevokesIsRevokedAllTheSame) {
    CurrentCrl current;
    const auto revoking = [](std::uint64_t number, const std::string& serial, SystemTime from) {
        const std::vector<pki::RevokedSerial> revoked{{serial, kNow, pki::RevocationReason::key_compromise}};
        return authority_->issuer.issue_crl(number, from, from + 1h, revoked).value();
    };
    ASSERT_TRUE(current.offer(revoking(5, "7f05", kNow), authority_->bundle, at(kNow)));
    const EvenTime until = current.get()->trusted_until;
    EXPECT_FALSE(current.offer(revoking(6, "7f06", kNow + 240h), authority_->bundle, at(kNow)));
    EXPECT_FALSE(current.offer(revoking(7, "7f07", kNow - 2h), authority_->bundle, at(kNow)));
    const RevocationsPtr both = current.get();
    for (const char* serial : {"7f05", "7f06", "7f07"}) {
        EXPECT_EQ(both->crl.find(serial), pki::RevocationReason::key_compromise) << serial;
    }
    EXPECT_EQ(both->crl.number(), 5U);
    EXPECT_EQ(both->crl.next_update(), kNow + 1h);
    EXPECT_EQ(both->trusted_until, until);
    EXPECT_FALSE(current.offer(revoking(7, "7f07", kNow - 2h), authority_->bundle, at(kNow)));
    EXPECT_EQ(current.get(), both) << "nothing is new in it";
    EXPECT_FALSE(current.offer(revoking(4, "7f04", kNow - 2h), authority_->bundle, at(kNow)));
    EXPECT_EQ(current.get(), both) << "an older one knows nothing";
    ASSERT_TRUE(current.offer(revoking(8, "7f08", kNow), authority_->bundle, at(kNow)));
    EXPECT_EQ(current.get()->crl.number(), 8U);
}

TEST_F(CurrentCrlTest, TheSameListAgainIsTrustedNoLonger) {
    CurrentCrl current;
    ASSERT_TRUE(current.offer(der(5), authority_->bundle, at(kNow)));
    const EvenTime until = current.get()->trusted_until;
    EXPECT_EQ(until, at(kNow).even + 61min);
    ASSERT_TRUE(current.offer(der(5), authority_->bundle, at(kNow + 10min)));
    EXPECT_EQ(current.get()->trusted_until, until);
    ASSERT_TRUE(current.offer(der(6), authority_->bundle, at(kNow + 10min)));
    EXPECT_EQ(current.get()->trusted_until, until + 10min);
}

TEST_F(CurrentCrlTest, TakesANewerOneAndNeverAnOlder) {
    CurrentCrl current;
    EXPECT_TRUE(current.offer(der(5), authority_->bundle, at(kNow)));
    EXPECT_TRUE(current.offer(der(7), authority_->bundle, at(kNow)));
    const auto older = current.offer(der(6), authority_->bundle, at(kNow));
    ASSERT_FALSE(older);
    EXPECT_EQ(older.error().code, Code::crl_stale);
    EXPECT_EQ(current.get()->crl.number(), 7U);
    // Of the same number, only one that lasts longer.
    EXPECT_FALSE(current.offer(der(7, kNow + 30min), authority_->bundle, at(kNow)));
    EXPECT_TRUE(current.offer(der(7, kNow + 2h), authority_->bundle, at(kNow)));
}

TEST_F(CurrentCrlTest, IsLedOnByChangesAllOfThemOrNone) {
    const auto change = [](std::uint64_t base, std::uint64_t number, const std::string& serial,
                           SystemTime from = kNow) {
        return authority_->issuer
            .issue_crl({number, from, from + 2h, base},
                       {{serial, kNow, pki::RevocationReason::key_compromise}})
            .value();
    };
    CurrentCrl current;
    EXPECT_FALSE(current.offer_changes(change(5, 6, "7f01"), at(kNow))) << "there is nothing that it changes";
    ASSERT_TRUE(current.offer(der(5), authority_->bundle, at(kNow)));
    // The first one is of a clock that was ahead, which the second has set right.
    const std::string both = change(5, 6, "7f01", kNow + 240h) + change(6, 7, "7f02");
    const auto taken = current.offer_changes(both, at(kNow));
    ASSERT_TRUE(taken);
    EXPECT_EQ((*taken)->crl.number(), 7U);
    EXPECT_TRUE((*taken)->crl.find("7f01"));
    EXPECT_TRUE((*taken)->crl.find("7f02"));
    EXPECT_EQ((*taken)->trusted_until, at(kNow).even + 2h);
    const test::Authority other = test::make_authority("Users", kNow);
    const std::string stranger = other.issuer.issue_crl({8, kNow, kNow + 2h, 7}, {}).value();
    const std::vector<std::string> all{change(8, 9, "7f03"), stranger, change(7, 8, "7f03") + stranger,
                                       change(7, 8, "7f03") + "x", "<html>"};
    for (const std::string& refused : all) {
        EXPECT_FALSE(current.offer_changes(refused, at(kNow)));
        EXPECT_EQ(current.get()->crl.number(), 7U);
        EXPECT_FALSE(current.get()->crl.find("7f03"));
    }
    // Of another time: their revocations count, and nothing else of them.
    const std::vector<std::string> untimely{change(7, 8, "7f04", kNow + 240h),
                                            change(7, 8, "7f05", kNow - 3h)};
    for (const std::string& refused : untimely) {
        EXPECT_FALSE(current.offer_changes(refused, at(kNow)));
        EXPECT_EQ(current.get()->crl.number(), 7U);
        EXPECT_EQ(current.get()->trusted_until, at(kNow).even + 2h);
    }
    EXPECT_TRUE(current.get()->crl.find("7f04"));
    EXPECT_TRUE(current.get()->crl.find("7f05"));
    EXPECT_TRUE(current.offer_changes(change(7, 8, "7f03"), at(kNow)));
}

TEST_F(CurrentCrlTest, RefusesWhatItsAuthorityDidNotSign) {
    const test::Authority other = test::make_authority("Users", kNow);
    CurrentCrl current;
    EXPECT_FALSE(current.offer(other.issuer.issue_crl(9, kNow - 1min, kNow + 1h, {}).value(),
                               authority_->bundle, at(kNow)));
    EXPECT_FALSE(current.offer("", authority_->bundle, at(kNow)));
    EXPECT_FALSE(current.offer("<html>", authority_->bundle, at(kNow)));
    std::string damaged = der(9);
    damaged[damaged.size() / 2] = static_cast<char>(damaged[damaged.size() / 2] ^ 1);
    EXPECT_FALSE(current.offer(damaged, authority_->bundle, at(kNow)));
    EXPECT_EQ(current.get(), nullptr);
}

TEST_F(CurrentCrlTest, IsDroppedWhenANewBundleDoesNotVouchForIt) {
    CurrentCrl current;
    ASSERT_TRUE(current.offer(der(5), authority_->bundle, at(kNow)));
    current.verify_again(authority_->bundle);
    EXPECT_NE(current.get(), nullptr);
    const test::Authority other = test::make_authority("Users", kNow);
    current.verify_again(other.bundle);
    EXPECT_EQ(current.get(), nullptr);
    // And the other key counts from one.
    EXPECT_TRUE(
        current.offer(other.issuer.issue_crl(1, kNow - 1min, kNow + 1h, {}).value(), other.bundle, at(kNow)));
}

}  // namespace
}  // namespace postern::gateway

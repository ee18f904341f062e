// Whom first contact believes: what the pinned root has signed, and nobody else.

#include <algorithm>
#include <chrono>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ca_api/trust_set.hpp"
#include "support/odd_certificates.hpp"

namespace postern::ca_api {
namespace {

using namespace std::chrono_literals;
using pki::Certificate;
using pki::KeyAndCertificate;
using test::OddName;
using test::OddProfile;
using Prints = std::multiset<std::string>;

constexpr int kKeyCertSign = 5;
constexpr int kCrlSign = 6;

const SystemTime kNow = std::chrono::floor<std::chrono::seconds>(system_clock()());

Prints prints(const std::vector<Certificate>& certificates) {
    Prints all;
    for (const Certificate& certificate : certificates) {
        all.insert(certificate.fingerprint());
    }
    return all;
}

OddProfile authority_profile(const std::string& name) {
    OddProfile profile;
    profile.common_name = name;
    profile.not_before = kNow - 1h;
    profile.not_after = kNow + 24h;
    profile.usage = test::Usage::none;
    profile.is_ca = true;
    return profile;
}

class TrustSet : public testing::Test {
protected:
    test::Authority ours_ = test::make_authority("Server CA", kNow);
    Fingerprint pin_ = Fingerprint::of(ours_.root.certificate);

    /// What is believed when these are sent beside the right root and its issuing certificate.
    Prints believed_beside(const std::vector<Certificate>& others) const {
        std::vector<Certificate> offered = others;
        offered.push_back(ours_.issuing.certificate);
        offered.push_back(ours_.root.certificate);
        const auto set = trust_set(offered, pin_, kNow);
        EXPECT_TRUE(set) << (set ? "" : set.error().detail);
        return set ? prints(set->certificates()) : Prints();
    }
    Prints ours() const { return prints({ours_.root.certificate, ours_.issuing.certificate}); }
};

TEST_F(TrustSet, IsThePinnedRootAndWhatIsBelowItInWhateverOrder) {
    EXPECT_EQ(believed_beside({}), ours());
    const auto below = test::mint(authority_profile("Below"), ours_.root).value();
    const auto further = test::mint(authority_profile("Further"), below).value();
    const auto set =
        trust_set({further.certificate, below.certificate, ours_.root.certificate}, pin_, kNow).value();
    EXPECT_EQ(set.certificates().front().fingerprint(), ours_.root.certificate.fingerprint());
    EXPECT_EQ(prints(set.certificates()),
              prints({ours_.root.certificate, below.certificate, further.certificate}));
    EXPECT_EQ(believed_beside({ours_.root.certificate, ours_.issuing.certificate}), ours()) << "each once";
}

TEST_F(TrustSet, HoldsNoOtherRootHoweverItSpellsItsName) {
    const OddName plain{"Evil Intermediate CA"};
    for (const OddName& issuer :
         {plain, OddName{"evil intermediate ca"}, OddName{"EVIL INTERMEDIATE CA"},
          OddName{"  Evil   Intermediate CA "}, OddName{"Evil Intermediate CA", V_ASN1_PRINTABLESTRING},
          OddName{"evil  intermediate CA", V_ASN1_PRINTABLESTRING},
          OddName{"Evil Intermediate CA", V_ASN1_T61STRING}, OddName{"Server CA Root"},
          OddName{"Somebody else"}}) {
        const auto evil = test::make_misspelt_root(plain, issuer, kNow).value();
        const auto below = test::mint(authority_profile("Below evil"), evil).value();
        EXPECT_EQ(believed_beside({evil.certificate, below.certificate}), ours()) << issuer.common_name;
    }
    const auto impostor = test::make_impostor(ours_.root.certificate, kNow).value();
    const auto by_impostor = test::mint(authority_profile("Below"), impostor).value();
    EXPECT_EQ(believed_beside({impostor.certificate, by_impostor.certificate}), ours());
}

TEST_F(TrustSet, HoldsNothingThatAnotherRootSignedAlsoNotForAKeyOfOurs) {
    const auto theirs = test::make_authority("Server CA", kNow);
    const auto crossed = test::cross_sign(ours_.issuing.certificate, theirs.root, kNow).value();
    const auto crossed_root = test::cross_sign(ours_.root.certificate, theirs.root, kNow).value();
    EXPECT_EQ(believed_beside({crossed, crossed_root, theirs.root.certificate, theirs.issuing.certificate}),
              ours());
    // The other way round it is our root's word: for that key, and not for the other's root.
    const auto vouched = test::cross_sign(theirs.issuing.certificate, ours_.root, kNow).value();
    auto wanted = ours();
    wanted.merge(prints({vouched}));
    EXPECT_EQ(believed_beside({vouched, theirs.issuing.certificate, theirs.root.certificate}), wanted);
}

TEST_F(TrustSet, HoldsNothingThatIsOverOrYetToCome) {
    OddProfile profile = authority_profile("Over");
    profile.not_before = kNow - 2h;
    profile.not_after = kNow;
    const auto over = test::mint(profile, ours_.root).value();
    const auto below = test::mint(authority_profile("Below it"), over).value();
    profile.not_before = kNow + 1s;
    profile.not_after = kNow + 24h;
    const auto early = test::mint(profile, ours_.root).value();
    EXPECT_EQ(believed_beside({over.certificate, below.certificate, early.certificate}), ours());
}

TEST_F(TrustSet, HoldsNoLeafAndNothingThatALeafOrAnUnfitCaSigned) {
    OddProfile leaf = authority_profile("Leaf");
    leaf.is_ca = false;
    OddProfile silent = authority_profile("CA that may not sign certificates");
    silent.key_usage = {kCrlSign};
    OddProfile signing_leaf = leaf;
    signing_leaf.key_usage = {kKeyCertSign};
    for (const OddProfile& profile : {leaf, silent, signing_leaf}) {
        const auto unfit = test::mint(profile, ours_.root).value();
        const auto below = test::mint(authority_profile("CA below"), unfit).value();
        EXPECT_EQ(believed_beside({below.certificate, unfit.certificate}), ours()) << profile.common_name;
    }
}

TEST_F(TrustSet, CountsAPathLengthAlsoForTheLastAuthority) {
    // The issuing certificate has a path length of 0: it signs leaves alone.
    const auto below = test::mint(authority_profile("CA below"), ours_.issuing).value();
    const auto further = test::mint(authority_profile("CA further below"), below).value();
    EXPECT_EQ(believed_beside({below.certificate, further.certificate}), ours());
    OddProfile one = authority_profile("One below");
    one.path_length = 1;
    const auto first = test::mint(one, ours_.root).value();
    const auto second = test::mint(authority_profile("Second"), first).value();
    const auto third = test::mint(authority_profile("Third"), second).value();
    auto wanted = ours();
    wanted.merge(prints({first.certificate, second.certificate}));
    EXPECT_EQ(believed_beside({third.certificate, second.certificate, first.certificate}), wanted);
}

TEST_F(TrustSet, IsNotKeptFromWhatIsRightByWhatLooksLikeIt) {
    // Same name and key identifier as the issuing certificate, first in the list, and signed by nobody known.
    const auto fake = test::make_authority("Server CA", kNow);
    const auto look_alike = test::cross_sign(ours_.issuing.certificate, fake.root, kNow).value();
    OddProfile profile = authority_profile("Unbounded");
    const auto middle = test::mint(profile, ours_.root).value();
    const auto below = test::mint(authority_profile("Below"), middle).value();
    const auto decoy = test::cross_sign(middle.certificate, fake.root, kNow).value();
    auto wanted = ours();
    wanted.merge(prints({middle.certificate, below.certificate}));
    EXPECT_EQ(believed_beside({look_alike, decoy, below.certificate, middle.certificate}), wanted);
}

TEST_F(TrustSet, IsTheSameAmongTwoHundredStrangers) {
    std::vector<Certificate> strangers;
    const auto theirs = test::make_authority("Server CA", kNow);
    while (strangers.size() < 198) {
        strangers.push_back(
            test::mint(authority_profile("Server CA Issuing"), theirs.root).value().certificate);
    }
    EXPECT_EQ(believed_beside(strangers), ours());
}

TEST_F(TrustSet, DoesNotExistWithoutThePinnedRoot) {
    const auto code_of = [&](const std::vector<Certificate>& offered, const Fingerprint& pin) {
        const auto set = trust_set(offered, pin, kNow);
        EXPECT_FALSE(set);
        return set ? Code::internal : set.error().code;
    };
    const auto theirs = test::make_authority("Server CA", kNow);
    EXPECT_EQ(code_of({}, pin_), Code::unknown_issuer);
    EXPECT_EQ(code_of({theirs.root.certificate, ours_.issuing.certificate}, pin_), Code::unknown_issuer);
    // What is pinned must be a root: an intermediate and a self-signed leaf are none.
    EXPECT_EQ(code_of({ours_.issuing.certificate, ours_.root.certificate},
                      Fingerprint::of(ours_.issuing.certificate)),
              Code::unknown_issuer);
    OddProfile leaf = authority_profile("Leaf");
    leaf.is_ca = false;
    const auto self_signed = test::mint_self_signed(leaf).value();
    EXPECT_EQ(code_of({self_signed.certificate}, Fingerprint::of(self_signed.certificate)),
              Code::unknown_issuer);
}

TEST_F(TrustSet, DoesNotExistBeforeOrAfterTheRootsTime) {
    const std::vector<Certificate> all{ours_.root.certificate, ours_.issuing.certificate};
    const SystemTime begin = ours_.root.certificate.not_before();
    const SystemTime end = ours_.root.certificate.not_after();
    EXPECT_EQ(trust_set(all, pin_, begin - 1s).error().code, Code::not_yet_valid);
    EXPECT_TRUE(trust_set(all, pin_, begin));
    EXPECT_TRUE(trust_set(all, pin_, end - 1s));
    EXPECT_EQ(trust_set(all, pin_, end).error().code, Code::expired);
}

TEST_F(TrustSet, ShowsTheFirstThatBearsItsOwnSignature) {
    EXPECT_EQ(root_in({ours_.issuing.certificate, ours_.root.certificate})->fingerprint(),
              ours_.root.certificate.fingerprint());
    EXPECT_FALSE(root_in({ours_.issuing.certificate}));
    EXPECT_FALSE(root_in({}));
}

/// A crowd of certificates that is made by chance, and what is known of each by how it was made.
class Crowd {
public:
    explicit Crowd(unsigned seed) : random_(seed) {
        members_.push_back({test::mint_self_signed(authority_profile("Root")).value(), true, 100});
        for (int i = 0; i < 30; ++i) {
            add();
        }
    }
    std::vector<Certificate> shuffled() {
        std::vector<Certificate> all;
        for (const Member& member : members_) {
            all.push_back(member.made.certificate);
        }
        std::shuffle(all.begin(), all.end(), random_);
        return all;
    }
    const Certificate& root() const { return members_.front().made.certificate; }
    /// Made as a CA, in its time, by somebody who might.
    Prints good() const {
        Prints all;
        for (const Member& member : members_) {
            if (member.is_good) {
                all.insert(member.made.certificate.fingerprint());
            }
        }
        return all;
    }

private:
    struct Member {
        KeyAndCertificate made;
        bool is_good = false;
        /// How many authorities may stand below.
        int room = 0;
    };
    bool chance(int of_ten) { return std::uniform_int_distribution<int>(0, 9)(random_) < of_ten; }
    std::size_t any() { return std::uniform_int_distribution<std::size_t>(0, members_.size() - 1)(random_); }

    void add() {
        const Member parent = members_[any()];
        OddProfile profile = authority_profile(chance(5) ? "CA " + std::to_string(members_.size())
                                                         : members_[any()].made.certificate.common_name());
        if (profile.common_name == parent.made.certificate.common_name()) {
            // What is of its issuer's name takes no place in a path.
            profile.common_name += " too";
        }
        if (chance(2)) {
            // Its own root, perhaps with the name of one that is right.
            members_.push_back({test::mint_self_signed(profile).value(), false, 100});
            return;
        }
        bool is_fit = true;
        if (chance(2)) {
            profile.is_ca = false;
            is_fit = false;
        } else if (chance(2)) {
            profile.key_usage = {kCrlSign};
            is_fit = false;
        } else if (chance(3)) {
            profile.path_length = std::uniform_int_distribution<int>(0, 2)(random_);
        }
        if (chance(1)) {
            (chance(5) ? profile.not_after : profile.not_before) = kNow + (chance(5) ? -1s : 1s);
            is_fit = profile.not_before <= kNow && kNow < profile.not_after && is_fit;
        }
        KeyAndCertificate signer = parent.made;
        bool is_signed = true;
        if (chance(2)) {
            // The right name and key identifier, and another key behind them.
            signer.key = pki::PrivateKey::generate_p256().value();
            is_signed = false;
        }
        const int room = std::min(parent.room - 1, profile.path_length.value_or(100));
        const bool is_good = parent.is_good && is_signed && is_fit && parent.room > 0;
        members_.push_back({test::mint(profile, signer).value(), is_good, room});
    }

    std::mt19937 random_;
    std::vector<Member> members_;
};

TEST(TrustSetProperty, HoldsWhatThePinnedRootVouchesForAndNothingElse) {
    for (unsigned seed = 1; seed <= 40; ++seed) {
        Crowd crowd(seed);
        const auto set = trust_set(crowd.shuffled(), Fingerprint::of(crowd.root()), kNow);
        ASSERT_TRUE(set) << seed;
        EXPECT_EQ(prints(set->certificates()), crowd.good()) << "seed " << seed;
        // Every other one of the crowd is no anchor either.
        for (const Certificate& certificate : set->certificates()) {
            const bool is_root = certificate.fingerprint() == crowd.root().fingerprint();
            EXPECT_EQ(X509_self_signed(certificate.get(), 1) == 1, is_root) << "seed " << seed;
        }
    }
}

}  // namespace
}  // namespace postern::ca_api

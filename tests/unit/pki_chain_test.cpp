// The order of a file does not matter, what is in it does.
#include <algorithm>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "pki/chain.hpp"
#include "support/odd_certificates.hpp"
#include "unit/pki_fixture.hpp"

namespace postern::pki {
namespace {

struct Chain {
    test::Authority authority = test::make_authority("Server CA", kNow);
    KeyAndCertificate leaf = test::mint(test::login_profile("alice", kNow), authority.issuing).value();
};

std::vector<std::string> subjects(const std::vector<Certificate>& certificates) {
    std::vector<std::string> texts;
    for (const auto& certificate : certificates) {
        texts.push_back(certificate.fingerprint());
    }
    return texts;
}

TEST(ChainOfKey, IsInTheOrderOfTlsWhateverTheOrderOfTheFile) {
    const Chain chain;
    const std::vector<Certificate> right{chain.leaf.certificate, chain.authority.issuing.certificate,
                                         chain.authority.root.certificate};
    std::vector<Certificate> file = right;
    std::vector<int> order{0, 1, 2};
    do {
        for (std::size_t i = 0; i < order.size(); ++i) {
            file[i] = right[static_cast<std::size_t>(order[i])];
        }
        const auto sorted = chain_of_key(chain.leaf.key, file);
        ASSERT_TRUE(sorted) << sorted.error().detail;
        EXPECT_EQ(subjects(*sorted), subjects(right));
    } while (std::next_permutation(order.begin(), order.end()));
}

TEST(ChainOfKey, HasEachCertificateOnceAndStrangersBehindIt) {
    const Chain chain;
    const test::Authority other = test::make_authority("Other CA", kNow);
    const auto sorted =
        chain_of_key(chain.leaf.key, {other.root.certificate, chain.authority.issuing.certificate,
                                      chain.leaf.certificate, chain.leaf.certificate});
    ASSERT_TRUE(sorted) << sorted.error().detail;
    EXPECT_EQ(subjects(*sorted), subjects({chain.leaf.certificate, chain.authority.issuing.certificate,
                                           other.root.certificate}));
}

TEST(ChainOfKey, IsRefusedWhereNoCertificateIsTheKeys) {
    const Chain chain;
    const Chain other;
    const auto refused =
        chain_of_key(other.leaf.key, {chain.leaf.certificate, chain.authority.issuing.certificate});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Code::malformed_certificate);
    EXPECT_NE(refused.error().detail.find("CN=alice"), std::string::npos) << refused.error().detail;
    EXPECT_FALSE(chain_of_key(chain.leaf.key, {}));
}

}  // namespace
}  // namespace postern::pki

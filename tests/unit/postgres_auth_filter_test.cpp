#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "postgres/auth_filter.hpp"
#include "support/postgres_bytes.hpp"

namespace postern::postgres {
namespace {

using namespace std::string_literals;
using namespace test;

// The server's side of a start-up.
std::string sasl(std::string_view mechanisms) {
    return message('R', u32(10) + std::string(mechanisms));
}
const std::string kOffer = sasl("SCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0\0"s);
const std::string kPlainOffer = sasl("SCRAM-SHA-256\0\0"s);
const std::string kKey = u32(4711) + "sekr";
const std::string kBehindOffer =
    message('R', u32(11) + "r=server-nonce,s=salt,i=4096") + message('R', u32(12) + "v=proof") +
    message('R', u32(0)) + message('S', "server_version\00015\0"s) + message('K', kKey) + message('Z', "I");

std::string pass_in_pieces(AuthFilter& filter, std::string_view stream,
                           const std::vector<std::size_t>& cuts) {
    std::string out;
    std::size_t from = 0;
    for (std::size_t i = 0; i <= cuts.size(); ++i) {
        const std::size_t to = i < cuts.size() ? cuts[i] : stream.size();
        const auto passed = filter.pass(as_bytes(stream.substr(from, to - from)));
        EXPECT_TRUE(passed.has_value());
        if (!passed) {
            return out;
        }
        out.append(as_text(*passed));
        from = to;
    }
    return out;
}

TEST(AuthFilter, TakesOutChannelBindingAndNothingElseAtEverySplit) {
    const std::string stream = kOffer + kBehindOffer;
    for (std::size_t first = 0; first <= stream.size(); ++first) {
        for (std::size_t second = first; second <= stream.size(); second += 7) {
            AuthFilter filter;
            const auto out = pass_in_pieces(filter, stream, {first, second});
            ASSERT_EQ(out, kPlainOffer + kBehindOffer) << first << " " << second;
            EXPECT_EQ(filter.backend_key(), kKey);
            EXPECT_TRUE(filter.is_startup_over());
            EXPECT_TRUE(filter.is_at_boundary());
        }
    }
}

TEST(AuthFilter, PassesAnOfferWithoutChannelBindingUnchanged) {
    for (const auto& offer : {kPlainOffer, sasl("OAUTHBEARER\0SCRAM-SHA-256\0\0"s), sasl("\0"s), sasl("")}) {
        AuthFilter filter;
        EXPECT_EQ(pass_in_pieces(filter, offer, {}), offer);
    }
}

TEST(AuthFilter, KeepsTheOrderOfWhatIsLeft) {
    AuthFilter filter;
    EXPECT_EQ(pass_in_pieces(filter, sasl("A\0SCRAM-SHA-256-PLUS\0B\0\0"s), {}), sasl("A\0B\0\0"s));
}

TEST(AuthFilter, RefusesAServerThatInsistsOnChannelBinding) {
    AuthFilter filter;
    const auto passed = filter.pass(as_bytes(sasl("SCRAM-SHA-256-PLUS\0\0"s)));
    ASSERT_FALSE(passed.has_value());
    EXPECT_EQ(passed.error().code, Code::unavailable);
}

TEST(AuthFilter, HoldsNoMoreThanARealOfferNeeds) {
    AuthFilter filter;
    const std::string head = 'R' + u32(100'000) + u32(10);
    EXPECT_FALSE(filter.pass(as_bytes(head)).has_value());
}

TEST(AuthFilter, PassesOtherLargeAuthenticationMessages) {
    AuthFilter filter;
    const std::string gss = message('R', u32(8) + std::string(40'000, 'g'));
    EXPECT_EQ(pass_in_pieces(filter, gss, {1, 6, 8, 20'000}), gss);
    EXPECT_TRUE(filter.is_at_boundary());
}

TEST(AuthFilter, ChangesNothingOnceTheSessionIsOpen) {
    AuthFilter filter;
    pass_in_pieces(filter, kOffer + kBehindOffer, {});
    EXPECT_EQ(pass_in_pieces(filter, kOffer, {4, 9}), kOffer);
    EXPECT_EQ(pass_in_pieces(filter, message('K', u32(1) + "othr"), {}), message('K', u32(1) + "othr"));
    EXPECT_EQ(filter.backend_key(), kKey);
}

TEST(AuthFilter, KnowsWhetherAMessageIsCut) {
    AuthFilter filter;
    pass_in_pieces(filter, kOffer + kBehindOffer, {});
    const std::string row = message('D', std::string(100, 'd'));
    for (std::size_t cut = 1; cut < row.size(); ++cut) {
        pass_in_pieces(filter, row.substr(0, cut), {});
        EXPECT_FALSE(filter.is_at_boundary()) << cut;
        pass_in_pieces(filter, row.substr(cut), {});
        EXPECT_TRUE(filter.is_at_boundary()) << cut;
    }
}

TEST(AuthFilter, CanBeSpokenForBetweenMessagesOfTheStart) {
    AuthFilter filter;
    EXPECT_TRUE(filter.is_at_boundary());
    pass_in_pieces(filter, kOffer.substr(0, 20), {});  // held back
    EXPECT_TRUE(filter.is_at_boundary());
    pass_in_pieces(filter, kOffer.substr(20) + message('S', "abc\0d\0"s).substr(0, 7), {});
    EXPECT_FALSE(filter.is_at_boundary());
}

TEST(AuthFilter, TakesKeysOfProtocol32) {
    AuthFilter filter;
    const std::string key = u32(1) + std::string(256, 'k');
    pass_in_pieces(filter, message('R', u32(0)) + message('K', key) + message('Z', "I"), {20, 100});
    EXPECT_EQ(filter.backend_key(), key);
}

TEST(AuthFilter, DoesNotTakeAKeyOfImpossibleLength) {
    AuthFilter filter;
    const std::string stream = message('K', u32(1) + std::string(257, 'k')) + message('Z', "I");
    EXPECT_EQ(pass_in_pieces(filter, stream, {}), stream);
    EXPECT_EQ(filter.backend_key(), "");
    EXPECT_TRUE(filter.is_startup_over());
}

TEST(AuthFilter, PassesWhatIsNoMessageAndNeverSpeaksInIt) {
    AuthFilter filter;
    const std::string garbage = "E\0\0\0\1garbage"s;
    EXPECT_EQ(pass_in_pieces(filter, garbage, {3, 5}), garbage);
    EXPECT_FALSE(filter.is_at_boundary());
    EXPECT_EQ(pass_in_pieces(filter, kOffer, {}), kOffer);
}

TEST(AuthFilter, PassesRandomConversationsByteForByte) {
    std::mt19937 random(20261122);
    for (int round = 0; round < 500; ++round) {
        std::string before;
        std::string after;
        for (int i = static_cast<int>(random() % 5); i > 0; --i) {
            before += message("SNEv"[random() % 4], std::string(random() % 300, 's'));
        }
        after = kBehindOffer;
        for (int i = static_cast<int>(random() % 20); i > 0; --i) {
            after += message("RDdWHKECTtn123"[random() % 14], std::string(random() % 3000, 'd'));
        }
        const std::string stream = before + kOffer + after;
        std::vector<std::size_t> cuts(random() % 40);
        for (auto& cut : cuts) {
            cut = random() % (stream.size() + 1);
        }
        std::sort(cuts.begin(), cuts.end());
        AuthFilter filter;
        ASSERT_EQ(pass_in_pieces(filter, stream, cuts), before + kPlainOffer + after) << round;
        EXPECT_TRUE(filter.is_at_boundary());
    }
}

// Protocol 3.2: the server tells a client that asked for more what it knows, and gives a key of any length.
TEST(AuthFilter, PassesNegotiateProtocolVersionAndLongKeysAtEverySplit) {
    const std::string version = message('v', u32(2) + u32(1) + "_pq_.new_thing\0"s);
    for (const std::size_t secret : {4U, 5U, 32U, 255U, 256U}) {
        const std::string key = u32(4711) + std::string(secret, 'k');
        const std::string behind = message('R', u32(0)) + message('K', key) + message('Z', "I");
        const std::string stream = version + kOffer + behind;
        for (std::size_t cut = 0; cut <= stream.size(); ++cut) {
            AuthFilter filter;
            ASSERT_EQ(pass_in_pieces(filter, stream, {cut}), version + kPlainOffer + behind) << cut;
            EXPECT_EQ(filter.backend_key(), key);
        }
    }
}

TEST(AuthFilter, ChangesNoOtherMessageOfTheStartWhateverItHolds) {
    const std::string offer = "SCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0\0"s;
    for (unsigned type = 0; type < 256; ++type) {
        for (const auto& body : {offer, u32(10) + offer, u32(0) + offer, u32(11) + offer}) {
            const std::string stream = message(static_cast<char>(type), body);
            if (stream == sasl(offer)) {
                continue;
            }
            for (std::size_t cut = 0; cut <= stream.size(); ++cut) {
                AuthFilter filter;
                ASSERT_EQ(pass_in_pieces(filter, stream, {cut}), stream) << type << " " << cut;
            }
        }
    }
}

TEST(AuthFilter, TakesOneNameOutOfAnyListAndKeepsTheRest) {
    const std::vector<std::string> names = {"SCRAM-SHA-256", "OAUTHBEARER", "SCRAM-SHA-256-PLUSPLUS",
                                            "scram-sha-256-plus", "X"};
    std::mt19937 random(20261123);
    for (int round = 0; round < 300; ++round) {
        std::string offered;
        std::string kept;
        const auto bound_at = random() % 4;
        for (unsigned at = 0; at < 4; ++at) {
            if (at == bound_at) {
                offered += "SCRAM-SHA-256-PLUS\0"s;
            }
            const std::string name = names[random() % names.size()] + '\0';
            offered += name;
            kept += name;
        }
        AuthFilter filter;
        ASSERT_EQ(pass_in_pieces(filter, sasl(offered + '\0'), {random() % 20}), sasl(kept + '\0'));
    }
}

// What has become a session is never judged again: COPY, replication, notices, whatever comes.
TEST(AuthFilter, PassesEveryByteBehindTheStart) {
    std::mt19937 random(20261124);
    for (int round = 0; round < 200; ++round) {
        AuthFilter filter;
        pass_in_pieces(filter, kOffer + kBehindOffer, {});
        std::string stream;
        for (auto left = random() % 4000; left > 0; --left) {
            stream.push_back(static_cast<char>(random()));
        }
        std::vector<std::size_t> cuts(random() % 20);
        for (auto& cut : cuts) {
            cut = random() % (stream.size() + 1);
        }
        std::sort(cuts.begin(), cuts.end());
        ASSERT_EQ(pass_in_pieces(filter, stream, cuts), stream);
        EXPECT_EQ(filter.backend_key(), kKey);
    }
}

}  // namespace
}  // namespace postern::postgres

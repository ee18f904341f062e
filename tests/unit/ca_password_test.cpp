#include <chrono>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ca-service/password.hpp"

namespace postern::ca {
namespace {

Secret secret(std::string_view text) {
    return Secret(text);
}

TEST(Password, FitsItsOwnHashAndNoOther) {
    const PasswordHasher hasher;
    const std::string hash = hasher.hash(secret("correct horse"));
    EXPECT_TRUE(hasher.verify(hash, secret("correct horse")));
    EXPECT_FALSE(hasher.verify(hash, secret("correct horse ")));
    EXPECT_FALSE(hasher.verify(hash, secret("Correct horse")));
    EXPECT_FALSE(hasher.verify(hash, secret("")));
}

TEST(Password, IsStoredAsAPhcStringAtTheRecommendedCost) {
    const PasswordHasher hasher;
    EXPECT_THAT(hasher.hash(secret("correct horse")),
                testing::MatchesRegex(
                    "\\$argon2id\\$v=19\\$m=19456,t=2,p=1\\$[A-Za-z0-9+/]{22}\\$[A-Za-z0-9+/]{43}"));
    EXPECT_NE(hasher.hash(secret("correct horse")), hasher.hash(secret("correct horse"))) << "salted";
}

TEST(Password, NeverFitsAUserWhoDoesNotExist) {
    const PasswordHasher hasher;
    EXPECT_FALSE(hasher.verify("", secret("correct horse")));
    EXPECT_FALSE(hasher.verify("", secret("")));
}

TEST(Password, NeverFitsABrokenHash) {
    const PasswordHasher hasher;
    for (const char* broken : {"x", "$argon2id$", "$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$", "plain text"}) {
        EXPECT_FALSE(hasher.verify(broken, secret("plain text"))) << broken;
    }
}

TEST(Password, CostsTheSameWorkForAnUnknownUser) {
    const PasswordHasher hasher;
    const std::string hash = hasher.hash(secret("correct horse"));
    const auto spent = [&](const std::string& against) {
        auto best = std::chrono::steady_clock::duration::max();
        for (int i = 0; i < 5; ++i) {
            const auto start = std::chrono::steady_clock::now();
            hasher.verify(against, secret("wrong horse"));
            best = std::min(best, std::chrono::steady_clock::now() - start);
        }
        return best;
    };
    // The best of several runs: within a factor of two also on a busy machine.
    const auto known = spent(hash);
    const auto unknown = spent("");
    EXPECT_LT(known, unknown * 2);
    EXPECT_LT(unknown, known * 2);
}

TEST(Password, IsHashedAgainWhenTheCostChanges) {
    const PasswordHasher today;
    const PasswordHasher cheaper({.memory_kib = 1024, .passes = 1, .lanes = 1});
    const std::string old_hash = cheaper.hash(secret("correct horse"));
    EXPECT_TRUE(today.verify(old_hash, secret("correct horse"))) << "an old hash still works";
    EXPECT_TRUE(today.needs_rehash(old_hash));
    EXPECT_FALSE(today.needs_rehash(today.hash(secret("correct horse"))));
}

TEST(NewPassword, HasAtLeastEightCharacters) {
    EXPECT_TRUE(check_new_password(secret("12345678")));
    EXPECT_FALSE(check_new_password(secret("1234567")));
    EXPECT_FALSE(check_new_password(secret("")));
    EXPECT_FALSE(check_new_password(Secret(std::string(2000, 'x'))));
}

}  // namespace
}  // namespace postern::ca

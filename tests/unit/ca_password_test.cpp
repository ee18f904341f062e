#include <dlfcn.h>

#include <string>
#include <string_view>
#include <vector>

#include <argon2.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ca-service/password.hpp"

namespace {

/// The algorithm and the costs of each verification that was computed in this thread.
thread_local std::vector<std::string> computed;

}  // namespace

/// In place of libargon2's, which it calls: what is computed is written down.
extern "C" int argon2id_verify(const char* encoded, const void* password, std::size_t size) {
    const std::string_view text(encoded);
    // "$argon2id$v=19$m=…,t=…,p=…$salt$hash"
    std::size_t end = 0;
    for (int dollars = 0; dollars < 4 && end != std::string_view::npos; ++dollars) {
        end = text.find('$', dollars == 0 ? 0 : end + 1);
    }
    computed.emplace_back(text.substr(0, end));
    static const auto real =
        reinterpret_cast<decltype(&argon2id_verify)>(::dlsym(RTLD_NEXT, "argon2id_verify"));
    return real(encoded, password, size);
}

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
    const std::string known = hasher.hash(secret("correct horse"));
    const auto work_for = [&](const std::string& hash) {
        computed.clear();
        hasher.verify(hash, secret("wrong horse"));
        return computed;
    };
    EXPECT_THAT(work_for(known), testing::ElementsAre("$argon2id$v=19$m=19456,t=2,p=1"));
    EXPECT_EQ(work_for(""), work_for(known));
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

TEST(Password, IsOneTextHoweverItIsSpelt) {
    const auto prepared = [](std::string_view text) {
        const auto made = prepare_password(secret(text));
        return made ? std::string(made->reveal()) : made.error().detail;
    };
    EXPECT_EQ(prepared("cafe\xcc\x81-secret"), "caf\xc3\xa9-secret") << "e and its accent, composed";
    EXPECT_EQ(prepared("caf\xc3\xa9-secret"), "caf\xc3\xa9-secret");
    EXPECT_EQ(prepared("two\xc2\xa0words\xe3\x80\x80here"), "two words here") << "blanks of any width";
    EXPECT_EQ(prepared("\xef\xbc\xa1\xc4\xb0 Stays"), "\xef\xbc\xa1\xc4\xb0 Stays") << "width and case stay";
    EXPECT_EQ(prepared(""), "");
    EXPECT_EQ(prepared("caf\xe9-secret"), "the password is not UTF-8");
    EXPECT_EQ(prepared("tab\tulator"), "the password holds a control character");
    EXPECT_EQ(prepared(std::string_view("nul\0byte", 8)), "the password holds a control character");
    EXPECT_FALSE(check_new_password(secret("caf\xe9-secret")));
}

}  // namespace
}  // namespace postern::ca

// What of keys in devices can be told without a device. The devices themselves:
// tests/integration/device_keys_test.
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pki/device_key.hpp"
#include "pki/token_key.hpp"

namespace postern::pki {
namespace {

using testing::HasSubstr;

TEST(TokenKeyPlace, ReadsBackAsItWasWritten) {
    for (const auto& place : {TokenKeyPlace{"pkcs11:token=a;object=b", "/usr/lib/m.so", "/home/a/pin"},
                              TokenKeyPlace{"pkcs11:token=a: b", "", ""}}) {
        const auto pem = to_pem(place);
        ASSERT_TRUE(pem.has_value());
        const auto read = token_key_place_from_pem(*pem);
        ASSERT_TRUE(read.has_value());
        EXPECT_EQ(read->uri, place.uri);
        EXPECT_EQ(read->module, place.module);
        EXPECT_EQ(read->pin_file, place.pin_file);
    }
}

TEST(TokenKeyPlace, RefusesADamagedFile) {
    const std::string good = to_pem({"pkcs11:token=a", "", ""}).value();
    EXPECT_FALSE(to_pem({"pkcs11:a\nmodule: /tmp/evil.so", "", ""}).has_value());
    for (std::size_t size = 0; size < good.size(); ++size) {
        EXPECT_FALSE(token_key_place_from_pem(good.substr(0, size)).has_value()) << size;
    }
    EXPECT_FALSE(token_key_place_from_pem(
                     "-----BEGIN POSTERN TOKEN KEY-----\nurl: x\n-----END POSTERN TOKEN KEY-----\n")
                     .has_value());
}

TEST(TokenKey, IsRefusedBeforeAModuleIsTouchedWhenItsPlaceIsWrong) {
    EXPECT_THAT(open_token_key({"file:/etc/passwd", "", ""}).error().detail, HasSubstr("pkcs11:"));
    EXPECT_THAT(open_token_key({"pkcs11:token=a;pin-value=1234", "", ""}).error().detail,
                HasSubstr("pin_file"));
    EXPECT_THAT(open_token_key({"pkcs11:token=a", "/nowhere/module.so", ""}).error().detail,
                HasSubstr("/nowhere/module.so"));
    EXPECT_EQ(open_token_key({"pkcs11:token=a", "", "/nowhere/pin"}).error().code, Code::not_found);
}

TEST(DeviceKey, IsNotTakenForOneInMemory) {
    const auto key = PrivateKey::generate_p256();
    ASSERT_TRUE(key.has_value());
    EXPECT_FALSE(is_on_device(*key));
    EXPECT_TRUE(key->to_pem().has_value());
    const auto read = PrivateKey::from_pem(key->to_pem()->reveal());
    ASSERT_TRUE(read.has_value());
    EXPECT_FALSE(is_on_device(*read));
}

}  // namespace
}  // namespace postern::pki

#include <cstdint>
#include <functional>
#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/json.hpp"
#include "client-proxy/control/parameters.hpp"

namespace postern::client::control {
namespace {

using nlohmann::json;
using testing::HasSubstr;

std::string complaint_of(const std::function<void()>& read) {
    try {
        read();
    } catch (const BadParameter& bad) {
        return bad.what();
    }
    return "taken";
}

TEST(Parameters, TakeWholeNumbersInTheirRange) {
    for (const auto& [given, wanted] : {std::pair{"0", 0}, {"5432", 5432}, {"65535", 65535}}) {
        const json object = {{"port", parse_json(given)}};
        EXPECT_EQ(Parameters(object).number("port", 0, 65535), wanted);
        EXPECT_EQ(Parameters(object).optional_number("port", 0, 65535), wanted);
    }
    const json none = {{"port", nullptr}};
    EXPECT_FALSE(Parameters(none).optional_number("port", 0, 65535));
    EXPECT_FALSE(Parameters(json::object()).optional_number("port", 0, 65535));
}

TEST(Parameters, RefuseWhatIsNearlyANumberAndSayWhatTheyTake) {
    for (const char* given : {"5432.7", "5432.0", "-1", "65536", "\"5432\"", "true", "[5432]", "{}", "1e3",
                              "18446744073709551615", "99999999999999999999999"}) {
        const json object = {{"port", parse_json(given)}};
        const std::string told = complaint_of([&] { Parameters(object).number("port", 0, 65535); });
        EXPECT_EQ(told, "port is a whole number from 0 to 65535") << given;
    }
    EXPECT_EQ(complaint_of([] {
                  const json object = json::object();
                  Parameters(object).number("port", 0, 65535);
              }),
              "port is missing");
    const json huge = {{"limit", std::numeric_limits<std::uint64_t>::max()}};
    EXPECT_THAT(
        complaint_of([&] { Parameters(huge).number("limit", 1, std::numeric_limits<std::int64_t>::max()); }),
        HasSubstr("limit is a whole number"));
}

TEST(Parameters, TakeTextsFlagsAndListsAsWhatTheyAreAlone) {
    const json object = {
        {"name", "x"}, {"flag", true}, {"list", {"a", "b"}}, {"odd", {1, "b"}}, {"number", 1}};
    const Parameters given(object);
    EXPECT_EQ(given.text("name"), "x");
    EXPECT_EQ(given.text("absent", "y"), "y");
    EXPECT_TRUE(given.flag("flag", false));
    EXPECT_TRUE(given.flag("absent", true));
    EXPECT_EQ(given.texts("list").size(), 2U);
    EXPECT_TRUE(given.texts("absent").empty());
    EXPECT_TRUE(given.object("absent").empty());
    EXPECT_EQ(complaint_of([&] { given.text("number"); }), "number is a string");
    EXPECT_EQ(complaint_of([&] { given.text("absent"); }), "absent is missing");
    EXPECT_EQ(complaint_of([&] { given.flag("number", false); }), "number is true or false");
    EXPECT_EQ(complaint_of([&] { given.texts("odd"); }), "odd is an array of strings");
    EXPECT_EQ(complaint_of([&] { given.object("list"); }), "list is an object");
}

}  // namespace
}  // namespace postern::client::control

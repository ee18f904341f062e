// What a JSON text of somebody else may be, and what is written for others.
#include <string>

#include <gtest/gtest.h>

#include "base/json.hpp"

namespace postern {
namespace {

std::string nested(int depth) {
    return std::string(static_cast<std::size_t>(depth), '[') + std::string(static_cast<std::size_t>(depth), ']');
}

TEST(Json, IsReadUpToItsDepthAndNoDeeper) {
    EXPECT_TRUE(parse_json(nested(kDeepestJson)).is_array());
    EXPECT_TRUE(parse_json(nested(kDeepestJson + 1)).is_discarded());
    EXPECT_TRUE(parse_json(nested(1'000'000)).is_discarded());
    EXPECT_TRUE(parse_json(nested(1'000'000), kAnyDepth).is_array());
    EXPECT_TRUE(parse_json(R"({"a":{"b":[1]}})", 3).is_object());
    EXPECT_TRUE(parse_json(R"({"a":{"b":[1]}})", 2).is_discarded());
}

TEST(Json, CountsNoBracketsWithinAString) {
    EXPECT_EQ(parse_json(R"(["[[[\"[[[\\", "]"])", 1)[0], "[[[\"[[[\\");
    EXPECT_TRUE(parse_json(R"(["\"", [1]])", 1).is_discarded());
}

TEST(Json, OfNoUseIsDiscarded) {
    for (const char* text : {"", "{", "[1,]", "nul", "{\"a\":1}x", "]", "\"\xff\""}) {
        EXPECT_TRUE(parse_json(text).is_discarded()) << text;
    }
}

TEST(Json, IsWrittenInOneLineAlsoWhereTheBytesAreNoText) {
    const nlohmann::json value{{"name", "\xc3\xa4\xff\n"}};
    EXPECT_EQ(json_text(value), "{\"name\":\"\xc3\xa4\xef\xbf\xbd\\n\"}");
    EXPECT_EQ(ascii_json_text(value), R"({"name":"\u00e4\ufffd\n"})");
    EXPECT_EQ(json_file_text(value), "{\n  \"name\": \"\xc3\xa4\xef\xbf\xbd\\n\"\n}\n");
}

}  // namespace
}  // namespace postern

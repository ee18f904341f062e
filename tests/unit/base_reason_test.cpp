// One row for each reason, and the page that lists them.
#include <fstream>
#include <set>
#include <sstream>
#include <string>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/reason.hpp"

namespace postern {
namespace {

TEST(Reasons, AreFoundByCodeAndByName) {
    std::set<std::string_view> names;
    for (const Reason& reason : reasons()) {
        EXPECT_EQ(&reason_of(reason.code), &reason);
        EXPECT_EQ(code_named(reason.name), reason.code);
        EXPECT_EQ(name(reason.code), reason.name);
        EXPECT_TRUE(names.insert(reason.name).second) << reason.name;
    }
    EXPECT_EQ(code_named("of-a-newer-version"), Code::internal);
    EXPECT_EQ(reason_of(static_cast<Code>(1000)).code, Code::internal);
}

TEST(Reasons, SpeakAsPeopleDo) {
    for (const Reason& reason : reasons()) {
        EXPECT_TRUE(reason.title.ends_with('.')) << reason.name;
        EXPECT_GE(reason.http_status, 400U) << reason.name;
        EXPECT_LT(reason.http_status, 600U) << reason.name;
        EXPECT_THAT(reason.exit_code, testing::AnyOf(1, 3, 4, 5)) << reason.name;
    }
}

TEST(Reasons, ArePrintedInTheDocumentation) {
    std::ifstream file(POSTERN_REASONS_PAGE);
    std::stringstream page;
    page << file.rdbuf();
    for (const Reason& reason : reasons()) {
        EXPECT_THAT(page.str(), testing::HasSubstr(fmt::format(
                                    "| `{}` | {} | {} | {} | `{}` | {} | {} |\n", reason.name, reason.title, reason.hint,
                                    reason.http_status, reason.proxy_error, reason.sqlstate, reason.exit_code)));
    }
}

}  // namespace
}  // namespace postern

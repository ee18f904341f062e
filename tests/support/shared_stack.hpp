// Test cases that share one stack, each with laptops of its own.
#pragma once

#include <memory>
#include <string>

#include <gtest/gtest.h>

#include "support/stack.hpp"

namespace postern::test {

class SharedStack : public testing::Test {
protected:
    static void SetUpTestSuite() { stack_ = std::make_unique<Stack>(); }
    static void TearDownTestSuite() { stack_.reset(); }

    /// Returns a new laptop each time, with a short name, because the path of a socket has a bound.
    static Laptop laptop(const std::string& user = "alice") {
        return Laptop(*stack_, user, std::to_string(++laptops_));
    }
    static Laptop logged_in(const std::string& user = "alice") {
        Laptop laptop = SharedStack::laptop(user);
        const ProcessResult login = laptop.login();
        EXPECT_EQ(login.exit_code, 0) << login.err;
        return laptop;
    }

    static inline std::unique_ptr<Stack> stack_;

private:
    static inline int laptops_ = 0;
};

}  // namespace postern::test

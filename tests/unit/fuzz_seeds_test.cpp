// What the fuzzers start from, each once and in every build: what one of them has found does not come back.
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

// tests/fuzz/NAME_fuzz.cpp defines LLVMFuzzerTestOneInput, which here is NAME_one_input.
#define POSTERN_FUZZ_TARGETS(X) \
    X(audit_verify)             \
    X(client_proxy_answer)      \
    X(control_request)          \
    X(gateway_tunnel_request)   \
    X(http_answer)              \
    X(http_request)             \
    X(pki_certificate)          \
    X(pki_crl)                  \
    X(pki_csr)                  \
    X(postgres_auth_filter)     \
    X(postgres_error_response)  \
    X(postgres_startup)

#define POSTERN_DECLARE(name) extern "C" int name##_one_input(const std::uint8_t* data, std::size_t size);
POSTERN_FUZZ_TARGETS(POSTERN_DECLARE)
#undef POSTERN_DECLARE

namespace {

namespace fs = std::filesystem;
using Target = int (*)(const std::uint8_t*, std::size_t);

const std::map<std::string, Target>& targets() {
#define POSTERN_ENTRY(name) {#name, name##_one_input},
    static const std::map<std::string, Target> all{POSTERN_FUZZ_TARGETS(POSTERN_ENTRY)};
#undef POSTERN_ENTRY
    return all;
}

std::vector<std::string> names() {
    std::vector<std::string> found;
    for (const auto& [name, target] : targets()) {
        found.push_back(name);
    }
    return found;
}

class FuzzSeeds : public testing::TestWithParam<std::string> {};

// A target that finds something wrong aborts.
TEST_P(FuzzSeeds, AreTakenWell) {
    int seeds = 0;
    for (const auto& file : fs::directory_iterator(fs::path(POSTERN_FUZZ_CORPUS) / GetParam())) {
        SCOPED_TRACE(file.path());
        std::ifstream in(file.path(), std::ios::binary);
        // Of its size exactly: AddressSanitizer sees what reads beyond.
        const std::vector<std::uint8_t> bytes{std::istreambuf_iterator<char>(in), {}};
        EXPECT_EQ(targets().at(GetParam())(bytes.data(), bytes.size()), 0);
        ++seeds;
    }
    EXPECT_GT(seeds, 0);
}
INSTANTIATE_TEST_SUITE_P(Each, FuzzSeeds, testing::ValuesIn(names()),
                         [](const auto& tested) { return tested.param; });

TEST(FuzzSeedsOfAll, AreThoseOfTheTargetsHere) {
    std::vector<std::string> folders;
    for (const auto& folder : fs::directory_iterator(POSTERN_FUZZ_CORPUS)) {
        folders.push_back(folder.path().filename());
    }
    EXPECT_THAT(names(), testing::UnorderedElementsAreArray(folders));
}

}  // namespace

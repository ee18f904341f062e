// A stranger's request, whole and byte by byte: both must come to the same end, within the limits.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>

#include "http/request_parser.hpp"

namespace {

using postern::http::Request;
using postern::http::RequestParser;

constexpr std::size_t kHeadBytes = 512;
constexpr std::size_t kBodyBytes = 64;

void require(bool holds) {
    if (!holds) {
        std::abort();
    }
}

struct Outcome {
    bool is_refused = false;
    std::optional<Request> request;
    std::size_t taken = 0;
};

Outcome feed(std::string_view bytes, std::size_t step) {
    RequestParser parser(kHeadBytes, kBodyBytes);
    Outcome outcome;
    std::string buffer;
    while (!bytes.empty() && parser.phase() != RequestParser::Phase::done) {
        buffer += bytes.substr(0, step);
        bytes.remove_prefix(std::min(step, bytes.size()));
        const auto taken = parser.put(buffer);
        if (!taken) {
            outcome.is_refused = true;
            return outcome;
        }
        require(taken.value() <= buffer.size());
        buffer.erase(0, taken.value());
        outcome.taken += taken.value();
        // What is kept back for later is an unfinished head, which has its limit.
        require(buffer.size() <= kHeadBytes + step);
    }
    if (parser.phase() == RequestParser::Phase::done) {
        outcome.request = parser.take();
    }
    return outcome;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    const Outcome whole = feed(bytes, size == 0 ? 1 : size);
    const Outcome dripped = feed(bytes, 1);
    require(whole.request.has_value() == dripped.request.has_value());
    if (whole.request) {
        require(whole.request->body().size() <= kBodyBytes);
        require(whole.request->body() == dripped.request->body());
        require(whole.request->target() == dripped.request->target());
        require(whole.taken == dripped.taken);
    }
    return 0;
}

// A stranger's answer, whole and byte by byte: both must come to the same end, within the limits.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>

#include "http/answer_parser.hpp"

namespace {

using postern::http::Answer;
using postern::http::AnswerParser;

constexpr std::size_t kBodyBytes = 64;

void require(bool holds) {
    if (!holds) {
        std::abort();
    }
}

/// The end of the bytes is the end of the connection.
std::optional<Answer> feed(std::string_view bytes, std::size_t step) {
    AnswerParser parser(kBodyBytes);
    while (!bytes.empty()) {
        const auto is_whole = parser.put(bytes.substr(0, step));
        bytes.remove_prefix(std::min(step, bytes.size()));
        if (!is_whole) {
            return std::nullopt;
        }
        require(parser.body_bytes() <= kBodyBytes);
        if (!is_whole.value()) {
            continue;
        }
        static_cast<void>(parser.keeps_connection());
        return parser.take();
    }
    const auto is_whole = parser.put_end();
    if (!is_whole) {
        return std::nullopt;
    }
    require(is_whole.value());
    return parser.take();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    const std::optional<Answer> whole = feed(bytes, size == 0 ? 1 : size);
    const std::optional<Answer> dripped = feed(bytes, 1);
    require(whole.has_value() == dripped.has_value());
    if (whole) {
        require(whole->result_int() >= 200 && whole->result_int() < 600);
        require(whole->result_int() == dripped->result_int());
        require(whole->body() == dripped->body());
    }
    return 0;
}

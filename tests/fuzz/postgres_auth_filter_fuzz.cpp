// A server's bytes through the filter, whole and in pieces: both must give the same bytes, and these must be
// the input's but for what one mechanism's name takes away.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>

#include "postgres/auth_filter.hpp"

using namespace postern::postgres;

namespace {

std::optional<std::string> run(AuthFilter& filter, Bytes input, std::size_t piece) {
    std::string out;
    while (!input.empty()) {
        const std::size_t count = std::min(piece, input.size());
        const auto passed = filter.pass(input.first(count));
        if (!passed) {
            return std::nullopt;
        }
        out.append(as_text(*passed));
        input = input.subspan(count);
    }
    return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) {
        return 0;
    }
    const Bytes input(data + 1, size - 1);
    AuthFilter whole;
    AuthFilter pieces;
    const auto at_once = run(whole, input, input.size() + 1);
    const auto in_pieces = run(pieces, input, 1U + data[0] % 32U);
    if (at_once != in_pieces || whole.backend_key() != pieces.backend_key()) {
        std::abort();
    }
    if (at_once && (whole.is_at_boundary() != pieces.is_at_boundary() || at_once->size() > input.size())) {
        std::abort();
    }
    if (as_text(input).find("SCRAM-SHA-256-PLUS") == std::string_view::npos && at_once &&
        !as_text(input).starts_with(*at_once)) {
        std::abort();
    }
    return 0;
}

#include "base/duration.hpp"

#include <array>
#include <charconv>
#include <cstdint>

#include <fmt/format.h>

namespace postern {

namespace {

struct Unit {
    std::string_view suffix;
    std::int64_t milliseconds;
};

/// "ms" comes before "m", because the parser takes the first suffix that matches.
constexpr std::array<Unit, 5> kUnits{
    {{"ms", 1}, {"d", 86'400'000}, {"h", 3'600'000}, {"m", 60'000}, {"s", 1'000}}};
constexpr std::int64_t kLongest = 3653LL * 86'400'000;

}  // namespace

Result<std::chrono::milliseconds> parse_duration(std::string_view text) {
    const Failure malformed{
        Code::config_invalid,
        fmt::format("'{}' is not a duration; write for example \"30s\", \"5m\" or \"1h30m\"", text)};
    std::int64_t total = 0;
    std::string_view rest = text;
    if (rest.empty()) {
        return malformed;
    }
    while (!rest.empty()) {
        std::int64_t amount = 0;
        const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), amount);
        if (error != std::errc() || amount < 0 || amount > kLongest || rest.front() == '-') {
            return malformed;
        }
        rest.remove_prefix(static_cast<std::size_t>(end - rest.data()));
        const Unit* found = nullptr;
        for (const Unit& unit : kUnits) {
            if (rest.starts_with(unit.suffix)) {
                found = &unit;
                break;
            }
        }
        if (found == nullptr || amount > kLongest / found->milliseconds) {
            return malformed;
        }
        total += amount * found->milliseconds;
        if (total > kLongest) {
            return malformed;
        }
        rest.remove_prefix(found->suffix.size());
    }
    return std::chrono::milliseconds(total);
}

std::string format_duration(std::chrono::milliseconds duration) {
    std::int64_t rest = duration.count();
    if (rest <= 0) {
        return "0s";
    }
    std::string text;
    for (const std::string_view suffix : {"d", "h", "m", "s", "ms"}) {
        for (const Unit& unit : kUnits) {
            if (unit.suffix == suffix && rest >= unit.milliseconds) {
                text += fmt::format("{}{}", rest / unit.milliseconds, suffix);
                rest %= unit.milliseconds;
            }
        }
    }
    return text;
}

}  // namespace postern

#include "base/log.hpp"

#include <array>
#include <cstdlib>
#include <memory>

#include <fmt/format.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

namespace postern {

Result<void> start_log(std::string_view program, std::string_view level) {
    constexpr std::array<std::string_view, 5> kLevels{"trace", "debug", "info", "warn", "error"};
    const bool is_known = std::find(kLevels.begin(), kLevels.end(), level) != kLevels.end();
    if (!is_known) {
        return Failure{Code::config_invalid,
                       fmt::format("'{}' is no log level; use trace, debug, info, warn or error", level)};
    }
    auto logger = std::make_shared<spdlog::logger>(std::string(program),
                                                   std::make_shared<spdlog::sinks::stderr_sink_mt>());
    const bool is_journal = std::getenv("JOURNAL_STREAM") != nullptr;
    auto formatter = std::make_unique<spdlog::pattern_formatter>(
        is_journal ? "%l %v" : "%Y-%m-%dT%H:%M:%S.%eZ %n %l %v", spdlog::pattern_time_type::utc);
    logger->set_formatter(std::move(formatter));
    logger->set_level(spdlog::level::from_str(std::string(level)));
    logger->flush_on(spdlog::level::info);
    spdlog::set_default_logger(std::move(logger));
    return {};
}

std::string quoted(std::string_view text, std::size_t limit) {
    const std::string_view shown = text.substr(0, limit);
    std::string out = "\"";
    for (const char c : shown) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte < 0x20 || byte >= 0x7f || c == '"' || c == '\\') {
            out += fmt::format("\\x{:02x}", byte);
        } else {
            out += c;
        }
    }
    out += '"';
    if (shown.size() < text.size()) {
        out += fmt::format("+{}", text.size() - shown.size());
    }
    return out;
}

}  // namespace postern

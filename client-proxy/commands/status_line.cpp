#include "client-proxy/commands/status_line.hpp"

#include <algorithm>
#include <array>
#include <numeric>
#include <utility>

#include <fmt/format.h>

namespace postern::client {

namespace {

constexpr auto kSoon = std::chrono::minutes(5);

/// What is left out of the line, from nothing to nearly everything.
enum class Detail { all, without_hint, without_bytes, one_sum, states_alone, state_of_all };

struct Span {
    std::string text;
    /// The parameter of SGR; empty for no colour.
    const char* color = "";
};
using Spans = std::vector<Span>;

constexpr const char* kDim = "2";
constexpr const char* kBold = "1";
constexpr const char* kRed = "31";
constexpr const char* kGreen = "32";
constexpr const char* kYellow = "33";

const char* color_of(std::string_view state) {
    return state == "connected" ? kGreen : state == "error" ? kRed : kYellow;
}

class Line {
public:
    explicit Line(const LineStyle& style) : style_(style) {}

    void put(std::string text, const char* color = "") { spans_.push_back({std::move(text), color}); }
    void part() {
        if (!spans_.empty()) {
            put(style_.has_unicode ? " · " : " | ", kDim);
        }
    }
    void dot(std::string_view state) { put(style_.has_unicode ? "● " : "* ", color_of(state)); }
    void moved(std::uint64_t in, std::uint64_t out) {
        put(style_.has_unicode ? fmt::format("↓ {}  ↑ {}", bytes_text(in), bytes_text(out))
                               : fmt::format("{} in, {} out", bytes_text(in), bytes_text(out)));
    }

    std::size_t width() const {
        return std::accumulate(spans_.begin(), spans_.end(), std::size_t{0},
                               [](std::size_t sum, const Span& span) { return sum + columns_of(span.text); });
    }
    std::string text() const {
        std::string all;
        for (const auto& span : spans_) {
            const bool is_colored = style_.has_color && *span.color != '\0';
            all += is_colored ? fmt::format("\x1b[{}m{}\x1b[0m", span.color, span.text) : span.text;
        }
        return all;
    }
    std::string cut_text() const {
        std::string all;
        std::size_t left = style_.width;
        for (const auto& span : spans_) {
            for (std::size_t at = 0; at < span.text.size();) {
                std::size_t end = at + 1;
                while (end < span.text.size() &&
                       (static_cast<unsigned char>(span.text[end]) & 0xc0U) == 0x80U) {
                    ++end;
                }
                if (left == 0) {
                    return all;
                }
                --left;
                all += span.text.substr(at, end - at);
                at = end;
            }
        }
        return all;
    }

private:
    const LineStyle& style_;
    Spans spans_;
};

void put_certificate(Line& line, const ShownStatus& status) {
    if (status.login_state == "expired" || status.login_state == "revoked") {
        line.part();
        line.put(status.login_state == "expired" ? "login ended: postern login" : "login revoked", kRed);
    } else if (status.certificate_left && status.certificate_left->count() <= 0) {
        line.part();
        line.put("certificate expired, renewing", kYellow);
    } else if (status.certificate_left) {
        line.part();
        line.put(fmt::format("certificate {}", time_left_text(*status.certificate_left)),
                 *status.certificate_left < kSoon ? kYellow : "");
    }
}

/// All services as one: the worst state, and the sums.
ShownService sum_of(const std::vector<ShownService>& services) {
    ShownService sum;
    sum.name = fmt::format("{} services", services.size());
    sum.state = "connected";
    for (const auto& service : services) {
        if (service.state != "connected" && sum.state != "error") {
            sum.state = service.state;
        }
        sum.connections += service.connections;
        sum.bytes_in += service.bytes_in;
        sum.bytes_out += service.bytes_out;
    }
    return sum;
}

Line compose(const ShownStatus& status, const LineStyle& style, Detail detail) {
    Line line(style);
    const bool is_summed = detail >= Detail::one_sum && status.services.size() > 1;
    const auto services = is_summed ? std::vector<ShownService>{sum_of(status.services)} : status.services;
    for (const auto& service : services) {
        line.part();
        line.dot(service.state);
        line.put(service.name, kBold);
        if (service.state != "connected" || services.size() == 1) {
            line.put(" " + service.state);
        }
        if (detail < Detail::states_alone) {
            line.part();
            line.put(fmt::format("{} open", service.connections));
        }
        if (detail < Detail::without_bytes) {
            line.part();
            line.moved(service.bytes_in, service.bytes_out);
        }
    }
    if (detail < Detail::state_of_all) {
        put_certificate(line, status);
    }
    if (detail == Detail::all) {
        line.part();
        line.put("Ctrl-C ends", kDim);
    }
    return line;
}

}  // namespace

std::size_t columns_of(std::string_view text) {
    return static_cast<std::size_t>(std::accumulate(text.begin(), text.end(), 0, [](int sum, char byte) {
        return sum + ((static_cast<unsigned char>(byte) & 0xc0U) != 0x80U ? 1 : 0);
    }));
}

std::string bytes_text(std::uint64_t bytes) {
    static constexpr std::array<const char*, 5> kUnits{"B", "kB", "MB", "GB", "TB"};
    auto amount = static_cast<double>(bytes);
    std::size_t unit = 0;
    while (amount >= 1000 && unit + 1 < kUnits.size()) {
        amount /= 1000;
        ++unit;
    }
    return unit == 0 ? fmt::format("{} B", bytes) : fmt::format("{:.1f} {}", amount, kUnits[unit]);
}

std::string time_left_text(std::chrono::seconds left) {
    const auto seconds = std::max<std::chrono::seconds::rep>(0, left.count());
    if (seconds < 120) {
        return fmt::format("{} s", seconds);
    }
    const auto minutes = seconds / 60;
    return minutes < 120       ? fmt::format("{} min", minutes)
           : minutes % 60 == 0 ? fmt::format("{} h", minutes / 60)
                               : fmt::format("{} h {} min", minutes / 60, minutes % 60);
}

std::string status_line(const ShownStatus& status, const LineStyle& style) {
    for (const Detail detail : {Detail::all, Detail::without_hint, Detail::without_bytes, Detail::one_sum,
                                Detail::states_alone, Detail::state_of_all}) {
        const Line line = compose(status, style, detail);
        if (line.width() <= style.width) {
            return line.text();
        }
    }
    return compose(status, style, Detail::state_of_all).cut_text();
}

}  // namespace postern::client

#include "base/clock.hpp"

#include <time.h>

#include <algorithm>
#include <cstdio>

#include <fmt/format.h>

namespace postern {

namespace chr = std::chrono;

Clock system_clock() {
    return [] { return chr::time_point_cast<chr::microseconds>(chr::system_clock::now()); };
}

chr::nanoseconds time_asleep() {
    const auto read = [](clockid_t clock) {
        timespec time{};
        ::clock_gettime(clock, &time);
        return chr::seconds(time.tv_sec) + chr::nanoseconds(time.tv_nsec);
    };
    return read(CLOCK_BOOTTIME) - read(CLOCK_MONOTONIC);
}

std::string format_time(SystemTime time) {
    // A certificate from an untrusted peer may name any time; the arithmetic below would overflow.
    constexpr SystemTime kFirst = chr::sys_days(chr::year(0) / 1 / 1);
    constexpr SystemTime kLast = chr::sys_days(chr::year(10000) / 1 / 1) - chr::microseconds(1);
    time = std::clamp(time, kFirst, kLast);
    const auto day = chr::floor<chr::days>(time);
    const chr::year_month_day date(day);
    const chr::hh_mm_ss clock(time - day);
    return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:06}Z", static_cast<int>(date.year()),
                       static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                       clock.hours().count(), clock.minutes().count(), clock.seconds().count(),
                       clock.subseconds().count());
}

Result<SystemTime> parse_time(std::string_view text) {
    const Failure malformed{Code::malformed_request,
                            fmt::format("'{}' is not an RFC 3339 time in UTC", text)};
    if (text.size() < 20 || text.size() > 27 || text.back() != 'Z') {
        return malformed;
    }
    std::size_t at = 0;
    bool is_good = true;
    const auto number = [&](int digits) {
        int value = 0;
        for (int i = 0; i < digits; ++i, ++at) {
            const char c = text[at];
            if (c < '0' || c > '9') {
                is_good = false;
                return 0;
            }
            value = value * 10 + (c - '0');
        }
        return value;
    };
    const auto expect = [&](char wanted) { is_good = is_good && text[at++] == wanted; };

    const int year = number(4);
    expect('-');
    const int month = number(2);
    expect('-');
    const int day = number(2);
    expect('T');
    const int hour = number(2);
    expect(':');
    const int minute = number(2);
    expect(':');
    const int second = number(2);
    int micros = 0;
    if (is_good && text[at] == '.') {
        ++at;
        const int digits = static_cast<int>(text.size() - 1 - at);
        if (digits < 1) {
            return malformed;
        }
        micros = number(digits);
        for (int i = digits; i < 6; ++i) {
            micros *= 10;
        }
    }
    const chr::year_month_day date(chr::year(year), chr::month(static_cast<unsigned>(month)),
                                   chr::day(static_cast<unsigned>(day)));
    if (!is_good || at != text.size() - 1 || !date.ok() || hour > 23 || minute > 59 || second > 59) {
        return malformed;
    }
    return SystemTime(chr::sys_days(date) + chr::hours(hour) + chr::minutes(minute) + chr::seconds(second) +
                      chr::microseconds(micros));
}

}  // namespace postern

#include "client-proxy/proxy/proxy_answer.hpp"

#include <algorithm>
#include <cctype>

#include <fmt/format.h>

namespace postern::client {

namespace {

constexpr std::size_t kMostAnswerHeadBytes = 16 * 1024;

// Three digits behind "HTTP/1.x ", and an end behind them; 0 for anything else.
unsigned status_of(std::string_view line) {
    const auto is_digit = [&](std::size_t at) {
        return std::isdigit(static_cast<unsigned char>(line[at])) != 0;
    };
    if (line.size() < 12 || !line.starts_with("HTTP/1.") || !is_digit(7) || line[8] != ' ' || !is_digit(9) ||
        !is_digit(10) || !is_digit(11) || (line.size() > 12 && line[12] != ' ')) {
        return 0;
    }
    return static_cast<unsigned>((line[9] - '0') * 100 + (line[10] - '0') * 10 + (line[11] - '0'));
}

// Whether the proxy takes a user name and a password at all.
bool offers_basic(std::string_view head) {
    constexpr std::string_view kField = "proxy-authenticate:";
    bool has_field = false;
    while (!head.empty()) {
        const auto end = std::min(head.find('\n'), head.size());
        std::string line(head.substr(0, end));
        std::transform(line.begin(), line.end(), line.begin(),
                       [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
        if (line.starts_with(kField)) {
            has_field = true;
            if (line.find("basic") != line.npos) {
                return true;
            }
        }
        head.remove_prefix(std::min(end + 1, head.size()));
    }
    return !has_field;
}

}  // namespace

Result<bool> ProxyAnswer::feed(std::string_view bytes) {
    buffer_.append(
        bytes.substr(0, kMostAnswerHeadBytes + 1 - std::min(buffer_.size(), kMostAnswerHeadBytes + 1)));
    constexpr std::string_view kBeginning = "HTTP/1.";
    for (;;) {
        if (!buffer_.starts_with(kBeginning.substr(0, std::min(buffer_.size(), kBeginning.size())))) {
            return Failure{Code::unreachable, fmt::format("what answers at {} is no HTTP proxy", name_)};
        }
        const auto end = buffer_.find("\r\n\r\n");
        if (end == buffer_.npos) {
            if (buffer_.size() > kMostAnswerHeadBytes) {
                return Failure{Code::unreachable,
                               fmt::format("the proxy {} gave an answer without an end", name_)};
            }
            return false;
        }
        const std::string head = buffer_.substr(0, end);
        const unsigned status = status_of(std::string_view(head).substr(0, head.find("\r\n")));
        buffer_.erase(0, end + 4);
        if (status >= 200 && status < 300) {
            // The target waits for us to begin TLS.
            if (!buffer_.empty()) {
                return Failure{Code::unreachable,
                               fmt::format("the proxy {} sent bytes of its own into the tunnel", name_)};
            }
            return true;
        }
        if (status >= 200 || status < 100) {
            return judge(status, head);
        }
    }
}

Failure ProxyAnswer::judge(unsigned status, std::string_view head) {
    if (status == 0) {
        return {Code::unreachable, fmt::format("what answers at {} is no HTTP proxy", name_)};
    }
    // Some say 401 to credentials that they do not take.
    if (status == 407 || (status == 401 && has_shown_credentials_)) {
        is_about_credentials_ = true;
        const std::string_view what = !offers_basic(head)
                                          ? "wants another proof than a user name and a password"
                                      : has_shown_credentials_ ? "does not take this user name and password"
                                                               : "wants a user name and a password";
        return {Code::unreachable, fmt::format("the proxy {} {}", name_, what)};
    }
    const std::string_view why = status == 403                    ? " (403: its rules do not allow it)"
                                 : status == 502 || status == 504 ? " (it cannot reach it either)"
                                                                  : "";
    return {Code::unreachable,
            fmt::format("the proxy {} answered {} instead of opening a way{}", name_, status, why)};
}

}  // namespace postern::client

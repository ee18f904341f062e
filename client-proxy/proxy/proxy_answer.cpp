#include "client-proxy/proxy/proxy_answer.hpp"

#include <algorithm>
#include <cctype>

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <fmt/format.h>

namespace postern::client {

namespace beast = boost::beast;

namespace {

constexpr std::size_t kMostAnswerHeadBytes = 16 * 1024;
constexpr std::string_view kEmptyLine = "\r\n\r\n";

/// The status and the fields of an answer's head, which ends with its empty line (RFC 9112, section 2.1).
/// Nothing when it is no head of HTTP/1.x.
std::optional<ProxyAnswer::Head> parse_head(std::string head) {
    constexpr std::size_t kStatusLineBytes = std::string_view("HTTP/1.1 200").size();
    // Section 4 wants a blank behind the status also where no reason follows; not every proxy writes it.
    if (head.find("\r\n") == kStatusLineBytes) {
        head.insert(kStatusLineBytes, " ");
    }
    beast::http::response_parser<beast::http::empty_body> parser;
    parser.header_limit(kMostAnswerHeadBytes + 8);
    parser.skip(true);
    beast::error_code error;
    parser.put(boost::asio::buffer(head), error);
    return parser.is_header_done() ? std::optional(parser.release().base()) : std::nullopt;
}

/// Whether the proxy takes a user name and a password at all.
bool offers_basic(const ProxyAnswer::Head& head) {
    const auto [begin, end] = head.equal_range(beast::http::field::proxy_authenticate);
    return begin == end || std::any_of(begin, end, [](const auto& field) {
               std::string value(field.value());
               std::transform(value.begin(), value.end(), value.begin(),
                              [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
               return value.find("basic") != value.npos;
           });
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
        const auto end = buffer_.find(kEmptyLine);
        if (end == buffer_.npos) {
            if (buffer_.size() > kMostAnswerHeadBytes) {
                return Failure{Code::unreachable,
                               fmt::format("the proxy {} gave an answer without an end", name_)};
            }
            return false;
        }
        const auto head = parse_head(buffer_.substr(0, end + kEmptyLine.size()));
        const unsigned status = head ? head->result_int() : 0;
        buffer_.erase(0, end + kEmptyLine.size());
        if (status >= 200 && status < 300) {
            // The target waits for this side to begin TLS, so no bytes can come from it yet.
            if (!buffer_.empty()) {
                return Failure{Code::unreachable,
                               fmt::format("the proxy {} sent bytes of its own into the tunnel", name_)};
            }
            return true;
        }
        if (status >= 200 || status < 100) {
            return judge(head);
        }
    }
}

Failure ProxyAnswer::judge(const std::optional<Head>& head) {
    const unsigned status = head ? head->result_int() : 0;
    if (status < 100) {
        return {Code::unreachable, fmt::format("what answers at {} is no HTTP proxy", name_)};
    }
    // Some proxies answer 401 when they reject credentials.
    if (status == 407 || (status == 401 && has_shown_credentials_)) {
        is_about_credentials_ = true;
        const std::string_view what = !offers_basic(*head)
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

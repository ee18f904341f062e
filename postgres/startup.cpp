#include "postgres/startup.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace postern::postgres {

namespace {

constexpr std::size_t kLengthBytes = 4;

StartupRefusal refusal(Code code, std::string message, std::string hint) {
    return {code, std::move(message), std::move(hint), Language::postgres};
}

StartupRefusal malformed(std::string message) {
    return refusal(Code::malformed_request, std::move(message),
                   "This port takes PostgreSQL connections. Check which program connects to it.");
}

/// Refuses a first byte that is not zero. The first byte of a packet is the highest byte of its length, which
/// is always zero.
StartupRefusal foreign_protocol(unsigned char first) {
    StartupRefusal refused = malformed("what came is not PostgreSQL's protocol");
    refused.language = Language::unknown;
    if (first == 0x16) {
        refused.language = Language::tls;
        refused.message =
            "the client began with TLS (sslnegotiation=direct); between it and this port there is none";
        refused.hint =
            "Set sslmode=prefer or sslmode=disable, and sslnegotiation=postgres: the way to the server is "
            "encrypted.";
    } else if (first >= 'A' && first <= 'Z') {
        refused.language = Language::http;
        refused.message = "what came looks like HTTP, not like PostgreSQL's protocol";
    }
    return refused;
}

/// Parses names and values, which alternate. Each ends with a zero byte, and another zero byte follows the
/// last pair.
std::optional<StartupRefusal> read_parameters(std::string_view text, StartupMessage& message) {
    while (!text.empty() && text.front() != '\0') {
        const auto name_end = text.find('\0');
        const auto value_end = name_end == text.npos ? text.npos : text.find('\0', name_end + 1);
        if (value_end == text.npos) {
            return malformed("the start-up packet ends inside a parameter");
        }
        message.parameters.emplace_back(text.substr(0, name_end),
                                        text.substr(name_end + 1, value_end - name_end - 1));
        text.remove_prefix(value_end + 1);
    }
    if (text.size() != 1) {
        return malformed("the start-up packet has no terminator as its last byte");
    }
    return std::nullopt;
}

StartupOutcome startup_message(std::uint32_t version, std::string_view packet) {
    const unsigned major = version >> 16U;
    if (major != 3) {
        return refusal(
            Code::malformed_request,
            fmt::format("version {}.{} of PostgreSQL's protocol is not supported", major, version & 0xffffU),
            "Use a client of PostgreSQL 7.4 or later.");
    }
    StartupMessage message;
    message.version = version;
    message.raw = packet;
    if (auto refused = read_parameters(packet.substr(2 * kLengthBytes), message)) {
        return *std::move(refused);
    }
    const auto count_of = [&](std::string_view name) {
        return std::count_if(message.parameters.begin(), message.parameters.end(),
                             [&](const auto& parameter) { return parameter.first == name; });
    };
    // PostgreSQL uses the last of several. A proxy that checks another one than the server uses has checked
    // nothing.
    if (count_of("user") > 1 || count_of("database") > 1) {
        return malformed("the start-up packet names its user or database more than once");
    }
    if (message.find("user").value_or("").empty()) {
        return refusal(Code::malformed_request, "the start-up packet names no user",
                       "Give the client a user name, for example psql -U NAME.");
    }
    return message;
}

}  // namespace

std::optional<std::string_view> StartupMessage::find(std::string_view parameter) const {
    for (const auto& [name, value] : parameters) {
        if (name == parameter) {
            return value;
        }
    }
    return std::nullopt;
}

std::string_view StartupMessage::database() const {
    const auto named = find("database");
    return named && !named->empty() ? *named : user();
}

StartupOutcome StartupReader::feed(Bytes bytes) {
    buffer_.append(as_text(bytes));
    if (buffer_.empty()) {
        return NeedMore{};
    }
    if (buffer_[0] != '\0') {
        return foreign_protocol(static_cast<unsigned char>(buffer_[0]));
    }
    if (buffer_.size() < kLengthBytes) {
        return NeedMore{};
    }
    const std::size_t length = read_u32(buffer_, 0);
    if (length < 2 * kLengthBytes) {
        return malformed("the start-up packet is too short");
    }
    if (length > kLengthBytes + kMostStartupBytes) {
        return refusal(Code::request_too_large,
                       fmt::format("the start-up packet is larger than {} bytes", kMostStartupBytes),
                       "This port takes PostgreSQL connections. Check which program connects to it.");
    }
    if (buffer_.size() < length) {
        return NeedMore{};
    }

    const std::string_view packet(buffer_.data(), length);
    const std::uint32_t version = read_u32(packet, kLengthBytes);
    switch (version) {
        case kSslRequestCode:
        case kGssEncRequestCode:
            if (length != 2 * kLengthBytes) {
                return malformed("a request for encryption has a wrong length");
            }
            return answer_no(version == kSslRequestCode ? ssl_seen_ : gss_seen_);
        case kCancelRequestCode: {
            CancelRequest request{std::string(packet.substr(2 * kLengthBytes)), std::string(packet)};
            if (request.key.size() < kLeastCancelKeyBytes || request.key.size() > kMostCancelKeyBytes) {
                return malformed("a cancel request has a wrong length");
            }
            return request;
        }
        default:
            break;
    }
    StartupOutcome outcome = startup_message(version, packet);
    if (std::holds_alternative<StartupMessage>(outcome)) {
        buffer_.erase(0, length);
    }
    return outcome;
}

StartupOutcome StartupReader::answer_no(bool& seen) {
    if (seen) {
        return malformed("the client asked for the same encryption twice");
    }
    seen = true;
    if (buffer_.size() > 2 * kLengthBytes) {
        return refusal(
            Code::malformed_request,
            "the client sent bytes behind a request for encryption without waiting for the answer",
            "Something between the client and this port may have put them there (CVE-2021-23222).");
    }
    buffer_.clear();
    return AnswerNo{};
}

StartupRefusal stuffed_bytes() {
    return refusal(Code::malformed_request,
                   "the client sent bytes behind a request for encryption without waiting for the answer",
                   "Something between the client and this port may have put them there (CVE-2021-23222).");
}

std::string StartupReader::take_rest() {
    return std::exchange(buffer_, {});
}

}  // namespace postern::postgres

#include "postgres/auth_filter.hpp"

#include <algorithm>
#include <utility>

namespace postern::postgres {

namespace {

constexpr std::uint32_t kAuthenticationSasl = 10;
constexpr std::string_view kBoundMechanism = "SCRAM-SHA-256-PLUS";
/// The size of an Authentication message up to and including the code that says which one it is.
constexpr std::size_t kAuthHeadBytes = kHeaderBytes + 4;
/// The longest accepted AuthenticationSASL. Real ones are under 100 bytes, and libpq accepts none above
/// 2,000.
constexpr std::size_t kMostSaslBytes = 2000;

}  // namespace

Result<Bytes> AuthFilter::pass(Bytes chunk) {
    if (phase_ == Phase::tracking) {
        track(as_text(chunk));
        return chunk;
    }
    if (phase_ == Phase::opaque) {
        return chunk;
    }
    out_.clear();
    std::string_view rest = as_text(chunk);
    while (!rest.empty() && phase_ == Phase::starting) {
        if (left_ > 0) {
            stream_body(rest);
            continue;
        }
        collect(rest);
        if (held_.size() == wanted_) {
            if (auto judged = judge_held(); !judged) {
                return judged.error();
            }
        }
    }
    out_.append(rest);
    if (phase_ == Phase::tracking) {
        track(rest);
    }
    return as_bytes(out_);
}

bool AuthFilter::is_at_boundary() const noexcept {
    switch (phase_) {
        case Phase::starting:
            return left_ == 0;
        case Phase::tracking:
            return left_ == 0 && held_.empty();
        case Phase::opaque:
            return false;
    }
    return false;
}

void AuthFilter::collect(std::string_view& rest) {
    const std::size_t count = std::min(wanted_ - held_.size(), rest.size());
    held_.append(rest.substr(0, count));
    rest.remove_prefix(count);
}

/// Called when `held_` is a complete header, ends with the code of an Authentication message, or is a
/// complete AuthenticationSASL.
Result<void> AuthFilter::judge_held() {
    const std::uint64_t length = read_u32(held_, 1);
    if (held_.size() == kHeaderBytes) {
        type_ = held_[0];
        if (length < 4) {
            // This is no message of the protocol. The bytes are forwarded, so that the client reports the
            // error.
            phase_ = Phase::opaque;
            out_.append(std::exchange(held_, {}));
            return {};
        }
        if (type_ == 'R' && length >= 8) {
            wanted_ = kAuthHeadBytes;
            return {};
        }
        const std::uint64_t body = length - 4;
        takes_key_ = type_ == 'K' && body >= kLeastCancelKeyBytes && body <= kMostCancelKeyBytes;
        release_held(body);
        return {};
    }
    if (wanted_ == kAuthHeadBytes && read_u32(held_, kHeaderBytes) != kAuthenticationSasl) {
        release_held(length - 8);
        return {};
    }
    if (length + 1 > kMostSaslBytes) {
        return Failure{Code::request_too_large,
                       "the server's AuthenticationSASL is larger than any real one"};
    }
    if (held_.size() < length + 1) {
        wanted_ = static_cast<std::size_t>(length + 1);
        return {};
    }
    return release_sasl();
}

Result<void> AuthFilter::release_sasl() {
    std::string_view list = std::string_view(held_).substr(kAuthHeadBytes);
    std::string kept;
    bool is_removed = false;
    while (!list.empty() && list.front() != '\0') {
        const auto end = list.find('\0');
        if (end == list.npos) {
            // This is no list of names; the client is to judge it.
            release_held(0);
            return {};
        }
        if (list.substr(0, end) == kBoundMechanism) {
            is_removed = true;
        } else {
            kept.append(list.substr(0, end + 1));
        }
        list.remove_prefix(end + 1);
    }
    if (!is_removed) {
        release_held(0);
        return {};
    }
    if (kept.empty()) {
        return Failure{Code::unavailable, "the server offers no authentication but SCRAM-SHA-256-PLUS"};
    }
    out_.push_back('R');
    append_u32(out_, static_cast<std::uint32_t>(8 + kept.size() + list.size()));
    append_u32(out_, kAuthenticationSasl);
    out_.append(kept).append(list);
    held_.clear();
    finish_message();
    return {};
}

void AuthFilter::release_held(std::uint64_t body_left) {
    out_.append(held_);
    held_.clear();
    left_ = body_left;
    if (left_ == 0) {
        finish_message();
    }
}

void AuthFilter::stream_body(std::string_view& rest) {
    const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(left_, rest.size()));
    out_.append(rest.substr(0, count));
    if (takes_key_) {
        coming_key_.append(rest.substr(0, count));
    }
    rest.remove_prefix(count);
    left_ -= count;
    if (left_ == 0) {
        finish_message();
    }
}

void AuthFilter::finish_message() {
    if (std::exchange(takes_key_, false)) {
        key_ = std::exchange(coming_key_, {});
    }
    wanted_ = kHeaderBytes;
    if (type_ == 'Z') {
        phase_ = Phase::tracking;
    }
}

void AuthFilter::track(std::string_view rest) {
    while (!rest.empty()) {
        if (left_ > 0) {
            const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(left_, rest.size()));
            rest.remove_prefix(count);
            left_ -= count;
            continue;
        }
        std::uint64_t length = 0;
        if (held_.empty() && rest.size() >= kHeaderBytes) {
            length = read_u32(rest, 1);
            rest.remove_prefix(kHeaderBytes);
        } else {
            collect(rest);
            if (held_.size() < kHeaderBytes) {
                return;
            }
            length = read_u32(held_, 1);
            held_.clear();
        }
        if (length < 4) {
            phase_ = Phase::opaque;
            return;
        }
        left_ = length - 4;
    }
}

}  // namespace postern::postgres

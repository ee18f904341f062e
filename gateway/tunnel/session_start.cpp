#include "gateway/tunnel/session_start.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace postern::gateway {

namespace {

/// The bytes of SSLRequest and GSSENCRequest (PostgreSQL manual, "Message Formats") without the last one, in
/// which they differ.
constexpr std::array<unsigned char, 7> kEncryptionRequest{0, 0, 0, 8, 0x04, 0xd2, 0x16};
constexpr unsigned char kTlsHandshake = 0x16;

bool asks_for_encryption(net::Bytes bytes) {
    return (!bytes.empty() && bytes.front() == kTlsHandshake) ||
           (bytes.size() > kEncryptionRequest.size() &&
            std::equal(kEncryptionRequest.begin(), kEncryptionRequest.end(), bytes.begin()));
}

}  // namespace

void SessionProgress::client_said(net::Bytes bytes) {
    if (!is_clients_turn_) {
        return;
    }
    if (turns_ == 0 && asks_for_encryption(bytes)) {
        turns_before_answer_ = 2;
    }
    ++turns_;
    is_clients_turn_ = false;
}

void SessionProgress::server_said() {
    has_begun_ = has_begun_ || turns_ >= turns_before_answer_;
    is_clients_turn_ = true;
}

SessionStart::SessionStart(const boost::asio::any_io_executor& executor, StartTimeouts timeout, Hooks hooks)
    : executor_(executor), timeout_(timeout), hooks_(std::move(hooks)) {
    std::function<void()> give_up = [this] { hooks_.give_up(Code::timed_out); };
    clients_.emplace(executor_, timeout_.client, std::move(give_up));
}

void SessionStart::client_said(net::Bytes bytes) {
    if (!progress_.has_client_spoken() && !has_server_spoken_) {
        std::function<void()> give_up = [this] { hooks_.give_up(Code::backend_timed_out); };
        servers_.emplace(executor_, timeout_.server, std::move(give_up));
    }
    progress_.client_said(bytes);
}

void SessionStart::server_said() {
    if (!has_server_spoken_) {
        has_server_spoken_ = true;
        servers_.reset();
    }
    progress_.server_said();
    if (clients_ && progress_.has_begun()) {
        clients_.reset();
        hooks_.on_begun();
    }
}

Result<net::Bytes> SessionStart::FromClient::pass(net::Buffer chunk) {
    owner.client_said(chunk);
    return net::Bytes(chunk);
}

Result<net::Bytes> SessionStart::FromBackend::pass(net::Buffer chunk) {
    owner.server_said();
    return net::Bytes(chunk);
}

}  // namespace postern::gateway

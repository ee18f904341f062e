#include "client-proxy/session/passthrough_session.hpp"

#include <array>
#include <memory>
#include <optional>
#include <utility>

#include "client-proxy/session/admission.hpp"
#include "client-proxy/session/local_client.hpp"
#include "client-proxy/tunnel/cut_reason.hpp"
#include "net/relay.hpp"
#include "postgres/first_packet.hpp"
#include "postgres/rejection_message.hpp"

namespace postern::client {

namespace asio = boost::asio;

namespace {

using postgres::FirstPacket;

constexpr std::size_t kMostWithConnect = 16 * 1024;

class PassthroughSession {
public:
    PassthroughSession(const SessionContext& context, LocalPortPtr port, LocalProgram program, net::PlainStream local)
        : context_(context),
          port_(std::move(port)),
          program_(std::move(program)),
          local_(std::move(local)) {}

    asio::awaitable<void> run();

private:
    asio::awaitable<std::optional<Tunnel>> open();
    asio::awaitable<bool> read_first_packet();
    std::string hear();
    std::unique_ptr<LiveTunnels::Entry> register_open(Tunnel& tunnel);
    asio::awaitable<std::optional<net::RelayEnd>> send_first_bytes(Tunnel& tunnel);
    asio::awaitable<void> finish(Tunnel& tunnel, const net::RelayEnd& end);
    asio::awaitable<void> refuse(Refusal refusal);
    std::string last_words(const Refusal& refusal) const;

    const SessionContext& context_;
    const LocalPortPtr port_;
    LocalProgram program_;
    net::PlainStream local_;
    FirstPacket kind_ = FirstPacket::incomplete;
    /// Bytes that were read from the client and may still have to be sent.
    std::string first_bytes_;
    std::size_t first_bytes_count_ = 0;
    std::optional<net::ConnectionSlots::Slot> slot_;
    /// Why the agent itself ended the session.
    std::optional<Refusal> cut_;
};

/// Each step is a coroutine with its own frame, whose memory is released before the tunnel idles.
asio::awaitable<void> PassthroughSession::run() {
    std::optional<Tunnel> tunnel = co_await open();
    if (!tunnel) {
        co_return;
    }
    const auto live = register_open(*tunnel);
    auto end = co_await send_first_bytes(*tunnel);
    if (!end) {
        net::RelayOptions options;
        options.counters = &live->counters();
        end = co_await net::relay(local_, *tunnel->stream, options);
    }
    co_await finish(*tunnel, *end);
}

/// Returns no value when the client is gone or was told of a refusal.
asio::awaitable<std::optional<Tunnel>> PassthroughSession::open() {
    if (port_->is_postgres && !co_await read_first_packet()) {
        local_.close();
        co_return std::nullopt;
    }
    auto admitted = co_await admit(context_, port_);
    if (!admitted) {
        Refusal refusal = admitted.error();
        co_await refuse(std::move(refusal));
        co_return std::nullopt;
    }
    // PostgreSQL's protocol itself marks the end of a session. With other protocols only a reset tells an
    // aborted connection from an orderly end.
    local_.set_reset_on_close(!port_->is_postgres);
    slot_ = std::move(admitted->slot);
    find_program(program_, context_.programs);
    TunnelOrder order;
    order.claims.program = program_.claims();
    if (postgres::may_be_said_twice(kind_, postgres::as_bytes(first_bytes_))) {
        first_bytes_count_ = first_bytes_.size();
        order.first_bytes = std::exchange(first_bytes_, {});
    } else if (!port_->is_postgres) {
        order.once = [this] { return hear(); };
    }
    Caller caller{context_.warm, port_, std::move(admitted->login)};
    auto tunnel = co_await context_.dialer.dial(std::move(caller), std::move(order));
    if (!tunnel) {
        Refusal refusal = tunnel.error();
        co_await refuse(std::move(refusal));
        co_return std::nullopt;
    }
    first_bytes_count_ += first_bytes_.size();
    first_bytes_.erase(0, tunnel->said_once);
    co_return *std::move(tunnel);
}

/// Whether a complete first packet of PostgreSQL's protocol has arrived. A client that sends none, or
/// something else, does not get a connection slot of a backend.
asio::awaitable<bool> PassthroughSession::read_first_packet() {
    FirstWords words(context_, local_);
    std::array<unsigned char, 4096> block{};
    const net::Buffer into(block);
    while (kind_ == FirstPacket::incomplete) {
        const auto got = co_await words.read(into);
        if (!got || *got == 0) {
            co_return false;
        }
        first_bytes_.append(reinterpret_cast<const char*>(block.data()), *got);
        kind_ = postgres::judge_first_packet(postgres::as_bytes(first_bytes_));
    }
    if (kind_ == FirstPacket::foreign) {
        const Refusal refusal{Code::malformed_request,
                              "what came is not PostgreSQL's protocol",
                              "Check which program connects to this port.",
                              {}};
        context_.events.refused(port_->service, refusal);
        co_return false;
    }
    co_return true;
}

/// Reads everything that the client has sent by now, up to the limit for a CONNECT. It does not wait, and
/// does not consume the end of the stream, which the relay handles.
std::string PassthroughSession::hear() {
    std::array<unsigned char, 4096> block{};
    while (first_bytes_.size() < kMostWithConnect && local_.has_unread()) {
        const auto got = local_.try_read(block);
        if (!got || got->value_or(0) == 0) {
            break;
        }
        first_bytes_.append(reinterpret_cast<const char*>(block.data()), **got);
    }
    return first_bytes_;
}

std::unique_ptr<LiveTunnels::Entry> PassthroughSession::register_open(Tunnel& tunnel) {
    auto* const stream = tunnel.stream.get();
    LiveTunnels::Cut cut = [this, stream](const Refusal& why) {
        cut_ = why;
        stream->cancel();
    };
    auto live = context_.tunnels.add(port_, tunnel, local_.executor(), std::move(cut));
    tell_accepted(context_, local_, port_->service, std::move(program_), tunnel);
    port_->ended_bytes_out += first_bytes_count_;
    return live;
}

/// Sends the first bytes that were not sent with the CONNECT. Returns an end when this fails.
asio::awaitable<std::optional<net::RelayEnd>> PassthroughSession::send_first_bytes(Tunnel& tunnel) {
    const std::string bytes = std::exchange(first_bytes_, {});
    if (bytes.empty()) {
        co_return std::nullopt;
    }
    const auto sent = co_await tunnel.stream->write_all(postgres::as_bytes(bytes));
    if (sent) {
        co_return std::nullopt;
    }
    net::RelayEnd end;
    end.ended_by = net::Side::b;
    end.failure = sent.error();
    end.b_is_whole = false;
    co_return std::move(end);
}

asio::awaitable<void> PassthroughSession::finish(Tunnel& tunnel, const net::RelayEnd& end) {
    if (end.a_was_told_of_end) {
        local_.set_reset_on_close(false);
    }
    // Once the server has sent bytes, the stream is inside the client's own TLS, and no message can be
    // inserted. Before that the client can be told.
    const bool can_be_told = port_->is_postgres && end.a_is_whole && end.bytes_b_to_a == 0;
    if (!can_be_told) {
        local_.close();
    }
    if (end.failure && end.ended_by == net::Side::b && !cut_) {
        GatewayEntry gateway = tunnel.gateway;
        std::string id = tunnel.connection_id;
        const auto refusal = co_await ask_why_cut(port_->logins, std::move(gateway), std::move(id));
        context_.events.cut(port_->service, refusal, tunnel.gateway.name);
        if (can_be_told) {
            std::string said = last_words(refusal);
            co_await close_with(local_, std::move(said));
        }
    } else if (cut_) {
        cut_->connection_id = tunnel.connection_id;
        context_.events.broken_off(port_->service, *cut_, tunnel.gateway.name);
    } else {
        context_.events.closed(port_->service, tunnel.connection_id, tunnel.gateway.name);
    }
    local_.close();
    if (port_->is_postgres) {
        co_await leave_tunnel(*tunnel.stream, end);
    } else {
        tunnel.stream->close();
    }
}

asio::awaitable<void> PassthroughSession::refuse(Refusal refusal) {
    context_.events.refused(port_->service, refusal);
    std::string said = last_words(refusal);
    const bool is_mute = said.empty() && !port_->is_postgres;
    // When nothing can be said, the connection is reset: in some protocols an orderly end would be a valid
    // answer.
    local_.set_reset_on_close(is_mute);
    if (is_mute) {
        local_.close();
        co_return;
    }
    co_await close_with(local_, std::move(said));
}

/// The message of the refusal in the protocol with which the client began; empty when that protocol has none.
std::string PassthroughSession::last_words(const Refusal& refusal) const {
    switch (kind_) {
        case FirstPacket::ssl_request:
        case FirstPacket::gss_request:
        case FirstPacket::startup_message:
            return to_error_response(refusal);
        case FirstPacket::tls:
            return postgres::tls_rejection();
        default:
            return {};
    }
}

}  // namespace

asio::awaitable<void> serve_passthrough(const SessionContext& context, LocalPortPtr port, LocalProgram program,
                                        net::PlainStream local) {
    PassthroughSession session(context, std::move(port), std::move(program), std::move(local));
    co_await session.run();
}

}  // namespace postern::client

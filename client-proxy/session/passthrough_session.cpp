#include "client-proxy/session/passthrough_session.hpp"

#include <array>
#include <utility>

#include "client-proxy/session/local_client.hpp"
#include "net/relay.hpp"
#include "postgres/farewell.hpp"
#include "postgres/first_packet.hpp"

namespace postern::client {

namespace asio = boost::asio;

namespace {

using postgres::FirstPacket;

class PassthroughSession {
public:
    PassthroughSession(Agent& agent, const PortService& service, std::size_t loop, net::PlainStream local)
        : agent_(agent), service_(service), loop_(loop), local_(std::move(local)) {}

    asio::awaitable<void> run();

private:
    asio::awaitable<bool> read_first_packet();
    asio::awaitable<void> carry(Tunnel tunnel);
    asio::awaitable<void> refuse(Refusal refusal);

    Agent& agent_;
    const PortService& service_;
    const std::size_t loop_;
    net::PlainStream local_;
    FirstPacket kind_ = FirstPacket::incomplete;
    std::string first_bytes_;
    bool is_shut_down_ = false;
};

asio::awaitable<void> PassthroughSession::run() {
    if (service_.is_postgres && !co_await read_first_packet()) {
        local_.close();
        co_return;
    }
    const auto slot = agent_.slots().take({});
    if (!slot) {
        Refusal full{Code::limit_reached,
                     "postern carries as many sessions as it may",
                     "Close some connections, then try again.",
                     {}};
        co_return co_await refuse(std::move(full));
    }
    auto login = co_await agent_.logins().current(agent_.options().login_patience);
    if (!login) {
        Refusal refusal = login.error();
        co_return co_await refuse(std::move(refusal));
    }
    std::string service = service_.name;
    auto tunnel =
        co_await agent_.dialer().dial(*std::move(login), std::move(service), std::move(first_bytes_));
    if (!tunnel) {
        Refusal refusal = tunnel.error();
        co_return co_await refuse(std::move(refusal));
    }
    co_await carry(*std::move(tunnel));
    local_.close();
}

// Whether there is one to pass on. A client that sends none, or something else, is not worth a backend's
// slot.
asio::awaitable<bool> PassthroughSession::read_first_packet() {
    FirstWords words(agent_, loop_, local_);
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
        agent_.notes().refused(service_.name, refusal);
        co_return false;
    }
    co_return true;
}

asio::awaitable<void> PassthroughSession::carry(Tunnel tunnel) {
    auto* const stream = tunnel.stream.get();
    std::function<void()> cut = [this, stream] {
        is_shut_down_ = true;
        stream->cancel();
    };
    const auto live = agent_.tunnels().add(tunnel.gateway, local_.executor(), std::move(cut));
    const net::RelayOptions options;
    const auto end = co_await net::relay(local_, *stream, options);
    if (end.failure && end.ended_by == net::Side::b && !is_shut_down_) {
        // The stream is the client's own TLS: nothing can be said in it, but the terminal can be told.
        GatewayEntry gateway = tunnel.gateway;
        std::string id = tunnel.connection_id;
        local_.close();
        const auto refusal = co_await ask_why_cut(agent_, std::move(gateway), std::move(id));
        agent_.notes().cut(service_.name, refusal);
    }
    stream->close();
}

asio::awaitable<void> PassthroughSession::refuse(Refusal refusal) {
    agent_.notes().refused(service_.name, refusal);
    std::string last_words;
    switch (kind_) {
        case FirstPacket::ssl_request:
        case FirstPacket::gss_request:
        case FirstPacket::startup_message:
            last_words = to_error_response(refusal);
            break;
        case FirstPacket::tls:
            last_words = postgres::tls_farewell();
            break;
        default:
            break;
    }
    co_await take_leave(local_, std::move(last_words));
}

}  // namespace

asio::awaitable<void> serve_passthrough(Agent& agent, const PortService& service, std::size_t loop,
                                        net::PlainStream local) {
    PassthroughSession session(agent, service, loop, std::move(local));
    co_await session.run();
}

}  // namespace postern::client

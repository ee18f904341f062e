#include "client-proxy/session/end_to_end_session.hpp"

#include <array>
#include <optional>
#include <utility>
#include <variant>

#include <fmt/format.h>

#include "client-proxy/session/admission.hpp"
#include "client-proxy/session/local_client.hpp"
#include "client-proxy/session/probe.hpp"
#include "client-proxy/tunnel/cut_reason.hpp"
#include "net/relay.hpp"
#include "postgres/auth_filter.hpp"
#include "postgres/error_response.hpp"
#include "postgres/startup.hpp"

namespace postern::client {

namespace asio = boost::asio;

namespace {

constexpr auto kCancelTimeout = std::chrono::seconds(10);

net::Bytes bytes_of(const std::string& text) {
    return {reinterpret_cast<const unsigned char*>(text.data()), text.size()};
}

/// Filters the bytes from the server to the client, and registers the session's cancel key when the server
/// sends it.
class ServerToClient final : public net::RelayFilter {
public:
    ServerToClient(CancelMap& cancels, std::string service, CancelTarget target)
        : cancels_(cancels), service_(std::move(service)), target_(std::move(target)) {}

    Result<net::Bytes> pass(net::Buffer chunk) override {
        auto passed = filter_.pass(chunk);
        if (!passed) {
            failure_ = passed.error();
            return passed;
        }
        has_passed_ = has_passed_ || !passed->empty();
        if (!is_listed_ && !filter_.backend_key().empty()) {
            entry_ = cancels_.add(service_, filter_.backend_key(), target_);
            is_listed_ = true;
        }
        return passed;
    }

    const std::optional<Failure>& failure() const noexcept { return failure_; }
    /// Whether the client has received anything from the server.
    bool has_passed() const noexcept { return has_passed_; }
    bool is_at_boundary() const noexcept { return filter_.is_at_boundary(); }

private:
    CancelMap& cancels_;
    const std::string service_;
    const CancelTarget target_;
    postgres::AuthFilter filter_;
    CancelMap::Entry entry_;
    bool is_listed_ = false;
    bool has_passed_ = false;
    std::optional<Failure> failure_;
};

class EndToEndSession {
public:
    EndToEndSession(const SessionContext& context, LocalPortPtr port, LocalProgram program,
                    net::PlainStream local)
        : context_(context), port_(std::move(port)), program_(std::move(program)), local_(std::move(local)) {}

    asio::awaitable<void> run();

private:
    using Start = std::variant<std::monostate, postgres::StartupMessage, postgres::CancelRequest, Refusal>;

    asio::awaitable<Start> read_start();
    asio::awaitable<void> serve(postgres::StartupMessage startup);
    asio::awaitable<void> carry(ServerTunnel server, std::string first_bytes);
    asio::awaitable<void> judge_end(const net::RelayEnd& end, const ServerToClient& to_client,
                                    const Tunnel& tunnel);
    asio::awaitable<void> cancel(postgres::CancelRequest request);
    asio::awaitable<void> refuse(Refusal refusal);

    const SessionContext& context_;
    const LocalPortPtr port_;
    LocalProgram program_;
    net::PlainStream local_;
    postgres::StartupReader reader_;
    /// The protocol that the client seems to speak.
    postgres::Language language_ = postgres::Language::postgres;
    bool is_probe_ = false;
    /// Why the agent itself ended the session.
    std::optional<Refusal> cut_;
};

asio::awaitable<void> EndToEndSession::run() {
    Start start = co_await read_start();
    if (auto* startup = std::get_if<postgres::StartupMessage>(&start)) {
        co_await serve(std::move(*startup));
    } else if (auto* request = std::get_if<postgres::CancelRequest>(&start)) {
        co_await cancel(std::move(*request));
    } else if (auto* refusal = std::get_if<Refusal>(&start)) {
        co_await refuse(std::move(*refusal));
    }
    local_.close();
}

asio::awaitable<EndToEndSession::Start> EndToEndSession::read_start() {
    FirstWords words(context_, local_);
    std::array<unsigned char, 4096> block{};
    const net::Buffer into(block);
    for (;;) {
        const auto got = co_await words.read(into);
        if (!got && got.error().code == Code::timed_out) {
            Refusal late{Code::timed_out,
                         "the client did not send a whole start-up packet in time",
                         "This port takes PostgreSQL connections. Check which program connects to it.",
                         {}};
            co_return std::move(late);
        }
        if (!got || *got == 0) {
            co_return std::monostate{};
        }
        auto outcome = reader_.feed(net::Bytes(block).first(*got));
        if (std::holds_alternative<postgres::AnswerNo>(outcome) && local_.has_unread()) {
            outcome = postgres::stuffed_bytes();
        }
        if (std::holds_alternative<postgres::AnswerNo>(outcome)) {
            const std::string no = "N";
            const auto written = co_await local_.write_all(bytes_of(no));
            if (!written) {
                co_return std::monostate{};
            }
        } else if (auto* startup = std::get_if<postgres::StartupMessage>(&outcome)) {
            co_return std::move(*startup);
        } else if (auto* request = std::get_if<postgres::CancelRequest>(&outcome)) {
            co_return std::move(*request);
        } else if (auto* refused = std::get_if<postgres::StartupRefusal>(&outcome)) {
            language_ = refused->language;
            Refusal refusal{refused->code, std::move(refused->message), std::move(refused->hint), {}};
            co_return std::move(refusal);
        }
    }
}

asio::awaitable<void> EndToEndSession::serve(postgres::StartupMessage startup) {
    auto admitted = co_await admit(context_, port_);
    if (!admitted) {
        Refusal refusal = admitted.error();
        co_return co_await refuse(std::move(refusal));
    }
    ServiceEntry entry = admitted->login->catalogue().service(port_->service);
    const std::string login_name = admitted->login->user();
    if (!entry.user_map && !login_name.empty() && startup.user() != login_name) {
        Refusal mismatch{Code::login_name_mismatch,
                         fmt::format("the login is {}'s, the database user that was asked for is \"{}\"",
                                     login_name, startup.user()),
                         fmt::format("Connect as {} (psql -U {}), or log in as somebody else. If PostgreSQL "
                                     "maps names (pg_ident.conf), the "
                                     "administrator sets user_map = true for {} in ca.toml.",
                                     login_name, login_name, port_->service),
                         {}};
        co_return co_await refuse(std::move(mismatch));
    }
    find_program(program_, context_.programs);
    Caller caller{context_.warm, port_, std::move(admitted->login)};
    is_probe_ = is_probe(startup.find("application_name").value_or(""));
    CallerClaims claims{program_.claims(), is_probe_};
    auto server =
        co_await context_.dialer.dial_server(std::move(caller), std::move(entry), std::move(claims));
    if (!server) {
        Refusal refusal = server.error();
        co_return co_await refuse(std::move(refusal));
    }
    std::string first_bytes = std::move(startup.raw);
    first_bytes += reader_.take_rest();
    co_await carry(*std::move(server), std::move(first_bytes));
}

asio::awaitable<void> EndToEndSession::carry(ServerTunnel server, std::string first_bytes) {
    auto* const outer = server.tunnel.stream.get();
    CancelTarget target{server.tunnel.gateway, server.tunnel.connection_id};
    ServerToClient to_client(context_.cancels, port_->service, std::move(target));
    LiveTunnels::Cut cut = [this, outer](const Refusal& why) {
        cut_ = why;
        outer->cancel();
    };
    const auto live = context_.tunnels.add(port_, server.tunnel, local_.executor(), std::move(cut));
    tell_accepted(context_, local_, port_->service, program_, server.tunnel, is_probe_);

    net::RelayEnd end;
    const auto written = co_await server.tls->write_all(bytes_of(first_bytes));
    first_bytes.clear();
    first_bytes.shrink_to_fit();
    if (written) {
        net::RelayOptions options;
        options.b_to_a = &to_client;
        options.counters = &live->counters();
        end = co_await net::relay(local_, *server.tls, options);
    } else {
        end.ended_by = net::Side::b;
        end.failure = written.error();
    }
    co_await judge_end(end, to_client, server.tunnel);
    co_await leave_tunnel(*server.tls, end);
}

/// Reports how the session ended. A client whose tunnel was cut is told why; after an orderly end there is
/// nothing to tell.
asio::awaitable<void> EndToEndSession::judge_end(const net::RelayEnd& end, const ServerToClient& to_client,
                                                 const Tunnel& tunnel) {
    if (!end.failure) {
        context_.events.closed(port_->service, tunnel.connection_id, tunnel.gateway.name);
        co_return;
    }
    Refusal refusal;
    if (cut_) {
        refusal = *cut_;
    } else if (to_client.failure()) {
        refusal = {to_client.failure()->code,
                   fmt::format("{} (behind {})", to_client.failure()->detail, port_->service),
                   "PostgreSQL must offer SCRAM-SHA-256 without channel binding too.",
                   {}};
    } else if (end.ended_by == net::Side::a) {
        context_.events.closed(port_->service, tunnel.connection_id, tunnel.gateway.name);
        co_return;
    } else if (!to_client.has_passed() && end.failure->code != Code::end_of_stream &&
               end.failure->code != Code::cancelled) {
        refusal = server_verdict(*end.failure, port_->service);
    } else {
        GatewayEntry gateway = tunnel.gateway;
        std::string id = tunnel.connection_id;
        refusal = co_await ask_why_cut(port_->logins, std::move(gateway), std::move(id));
    }
    refusal.connection_id = tunnel.connection_id;
    if (cut_) {
        context_.events.broken_off(port_->service, refusal, tunnel.gateway.name);
    } else {
        context_.events.cut(port_->service, refusal, tunnel.gateway.name);
    }
    if (end.a_is_whole && to_client.is_at_boundary()) {
        const bool was_open = to_client.has_passed();
        std::string last_words =
            to_error_response(refusal, was_open ? postgres::kCutSession : std::string_view());
        co_await close_with(local_, std::move(last_words));
    }
}

/// Forwards a CancelRequest. PostgreSQL closes the connection after it has acted, and so does this session,
/// so that the client does not send a next query that would be hit.
asio::awaitable<void> EndToEndSession::cancel(postgres::CancelRequest request) {
    auto target = context_.cancels.find(port_->service, request.key);
    if (!target) {
        context_.events.remark(
            port_->service,
            fmt::format("a cancel request for {} was dropped: no session here has its key", port_->service));
        co_return;
    }
    auto admitted = co_await admit(context_, port_);
    if (!admitted) {
        co_return;
    }
    ServiceEntry entry = admitted->login->catalogue().service(port_->service);
    Caller caller{context_.warm, port_, std::move(admitted->login)};
    auto server =
        co_await context_.dialer.dial_server_of(std::move(caller), std::move(entry), *std::move(target));
    if (!server) {
        context_.events.refused(port_->service, server.error());
        co_return;
    }
    auto* const outer = server->tunnel.stream.get();
    std::function<void()> cut = [outer] { outer->cancel(); };
    const net::DeadlineTimer deadline(local_.executor(), kCancelTimeout, std::move(cut));
    const auto written = co_await server->tls->write_all(bytes_of(request.raw));
    std::array<unsigned char, 256> block{};
    const net::Buffer into(block);
    for (bool is_open = written.has_value(); is_open;) {
        const auto got = co_await server->tls->read_some(into);
        is_open = got && *got > 0;
    }
    server->tls->close();
}

asio::awaitable<void> EndToEndSession::refuse(Refusal refusal) {
    context_.events.refused(port_->service, refusal);
    std::string last_words = to_rejection_message(refusal, language_);
    co_await close_with(local_, std::move(last_words));
}

}  // namespace

asio::awaitable<void> serve_end_to_end(const SessionContext& context, LocalPortPtr port, LocalProgram program,
                                       net::PlainStream local) {
    EndToEndSession session(context, std::move(port), std::move(program), std::move(local));
    co_await session.run();
}

}  // namespace postern::client

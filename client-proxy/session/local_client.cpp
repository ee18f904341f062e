#include "client-proxy/session/local_client.hpp"

#include <utility>

#include <boost/asio/post.hpp>

#include "net/lingering_close.hpp"

namespace postern::client {

namespace asio = boost::asio;

namespace {

constexpr auto kLeaveTimeout = std::chrono::seconds(2);

}  // namespace

FirstWords::FirstWords(const SessionContext& context, net::PlainStream& local)
    : local_(local),
      place_(context.pending.enter([&local] { local.cancel(); })),
      deadline_(local.executor(), context.start_timeout, [&local] { local.wake(); }) {}

asio::awaitable<Result<std::size_t>> FirstWords::read(net::Buffer into) {
    const Failure late{Code::timed_out, "the client did not say what it wants"};
    if (deadline_.has_passed()) {
        co_return late;
    }
    auto got = co_await local_.read_some(into);
    if (!got && deadline_.has_passed() && !place_.was_evicted()) {
        co_return late;
    }
    co_return std::move(got);
}

void tell_accepted(const SessionContext& context, net::PlainStream& local, std::string service,
                   LocalProgram program, const Tunnel& tunnel, bool is_probe) {
    asio::post(local.executor(),
               [&events = context.events, service = std::move(service), program = std::move(program),
                id = tunnel.connection_id, gateway = tunnel.gateway.name,
                is_probe] { events.accepted(service, program, id, gateway, is_probe); });
}

asio::awaitable<void> close_with(net::PlainStream& local, std::string last_words) {
    const net::Bytes bytes(reinterpret_cast<const unsigned char*>(last_words.data()), last_words.size());
    bool is_written = true;
    if (!bytes.empty()) {
        std::function<void()> cut = [&local] { local.cancel(); };
        const net::DeadlineTimer deadline(local.executor(), kLeaveTimeout, std::move(cut));
        const auto written = co_await local.write_all(bytes);
        is_written = written.has_value();
    }
    if (is_written) {
        co_await net::lingering_close(local, kLeaveTimeout);
    } else {
        local.close();
    }
}

asio::awaitable<void> leave_tunnel(net::ByteStream& tunnel, const net::RelayEnd& end) {
    if (end.failure && end.ended_by == net::Side::a && end.b_is_whole) {
        co_await net::lingering_close(tunnel, kLeaveTimeout);
    } else {
        tunnel.close();
    }
}

}  // namespace postern::client

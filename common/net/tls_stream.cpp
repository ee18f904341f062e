#include "net/tls_stream.hpp"

#include <utility>

#include "net/lingering_close.hpp"
#include "net/tls_engine.hpp"

namespace postern::net {

namespace asio = boost::asio;

namespace {

/// How long a server waits for the client to read the alert.
constexpr auto kAlertTimeout = std::chrono::seconds(1);

/// A Wire on a socket.
class SocketWire final : public Wire {
public:
    explicit SocketWire(PlainStream& socket) : socket_(socket) {}
    Result<std::optional<std::size_t>> read(Buffer into) override { return socket_.try_read(into); }
    /// The records of one block are sent in one segment (MSG_MORE), because each pass through the network
    /// stack costs as much as encrypting several of them.
    Result<std::size_t> write(Bytes bytes, bool more_follows) override {
        return more_follows ? socket_.try_write_more(bytes) : socket_.try_write(bytes);
    }

private:
    PlainStream& socket_;
};

}  // namespace

struct TlsStream::State {
    State(PlainStream plain, const TlsContext& context, Role own_role, const std::string& server_name)
        : socket(std::move(plain)),
          wire(socket),
          role(own_role),
          engine(context, own_role, server_name, wire) {}

    asio::awaitable<Result<void>> wait(TlsEngine::Need need) {
        return need == TlsEngine::Need::writable ? socket.wait_writable() : socket.wait_readable();
    }

    PlainStream socket;
    SocketWire wire;
    Role role;
    TlsEngine engine;
    /// What the last read and the last write had to wait for. A read needs to write, or a write to read, only
    /// for handshake messages.
    TlsEngine::Need read_needs = TlsEngine::Need::readable;
    TlsEngine::Need write_needs = TlsEngine::Need::writable;

    void when(TlsEngine::Need need, ReadyListenerPtr listener) {
        if (need == TlsEngine::Need::writable) {
            socket.when_writable(std::move(listener));
        } else {
            socket.when_readable(std::move(listener));
        }
    }
};

TlsStream::TlsStream(PlainStream socket, const TlsContext& context, Role role, const std::string& server_name)
    : state_(std::make_unique<State>(std::move(socket), context, role, server_name)) {}
TlsStream::TlsStream(TlsStream&&) noexcept = default;
TlsStream& TlsStream::operator=(TlsStream&&) noexcept = default;
TlsStream::~TlsStream() = default;

asio::awaitable<Result<void>> TlsStream::handshake(FairTurns::Member* turns) {
    for (;;) {
        Result<TlsEngine::Step> step = state_->engine.handshake();
        if (!step) {
            const Code code = step.error().code;
            if (state_->role == Role::server && code != Code::cancelled && code != Code::end_of_stream) {
                co_await drain_to_end(state_->socket, kAlertTimeout);
            }
            co_return step.error();
        }
        if (step.value().need == TlsEngine::Need::nothing) {
            co_return Result<void>();
        }
        Result<void> ready = co_await state_->wait(step.value().need);
        if (!ready) {
            co_return ready.error();
        }
        if (turns != nullptr) {
            co_await turns->next();
        }
    }
}

bool TlsStream::has_heard() const noexcept {
    return state_->engine.has_heard();
}

TlsPeer TlsStream::peer() const {
    return state_->engine.peer();
}

std::optional<pki::Certificate> TlsStream::rejected_certificate() const {
    return state_->engine.presented();
}

void TlsStream::when_readable(ReadyListenerPtr listener) {
    const TlsEngine::Need need = std::exchange(state_->read_needs, TlsEngine::Need::readable);
    if (need == TlsEngine::Need::readable) {
        const Result<bool> has_readable = state_->engine.has_readable();
        if (!has_readable || has_readable.value()) {
            return tell_soon(std::move(listener), Result<void>());
        }
    }
    state_->when(need, std::move(listener));
}

Result<std::optional<std::size_t>> TlsStream::try_read(Buffer into) {
    const Result<TlsEngine::Step> step = state_->engine.read(into);
    if (!step) {
        return step.error();
    }
    if (step.value().need == TlsEngine::Need::nothing) {
        return std::optional<std::size_t>(step.value().bytes);
    }
    state_->read_needs = step.value().need;
    return std::optional<std::size_t>();
}

void TlsStream::when_writable(ReadyListenerPtr listener) {
    state_->when(state_->write_needs, std::move(listener));
}

Result<std::size_t> TlsStream::try_write(Bytes bytes) {
    std::size_t taken = 0;
    while (taken < bytes.size()) {
        const Result<TlsEngine::Step> step = state_->engine.write(bytes.subspan(taken));
        if (!step) {
            return step.error();
        }
        taken += step.value().bytes;
        if (step.value().need == TlsEngine::Need::nothing) {
            continue;
        }
        state_->write_needs = step.value().need;
        break;
    }
    return taken;
}

asio::awaitable<Result<void>> TlsStream::shutdown_send() {
    for (;;) {
        Result<TlsEngine::Step> step = state_->engine.shut_down();
        if (!step) {
            co_return step.error();
        }
        if (step.value().need == TlsEngine::Need::nothing) {
            break;
        }
        Result<void> ready = co_await state_->wait(step.value().need);
        if (!ready) {
            co_return ready.error();
        }
    }
    co_return co_await state_->socket.shutdown_send();
}

void TlsStream::wake() noexcept {
    state_->socket.wake();
}

void TlsStream::cancel() noexcept {
    state_->socket.cancel();
    tell_cancelled();
}

void TlsStream::close() noexcept {
    state_->socket.close();
    tell_cancelled();
}

asio::any_io_executor TlsStream::executor() {
    return state_->socket.executor();
}

PlainStream& TlsStream::socket() noexcept {
    return state_->socket;
}

SSL* TlsStream::native() noexcept {
    return state_->engine.native();
}

}  // namespace postern::net

#include "net/nested_tls_stream.hpp"

#include <utility>

#include "net/tls_engine.hpp"

namespace postern::net {

namespace asio = boost::asio;

namespace {

/// What a burst of records left behind is given back, so that an idle tunnel holds no buffer.
constexpr std::size_t kKeptBytes = 4 * 1024;
/// Records that may wait in memory while the outer stream takes the ones before.
constexpr std::size_t kBatchBytes = 64 * 1024;

/// Reads straight from the outer stream; what is written collects until the owner sends it.
class OuterWire final : public Wire {
public:
    explicit OuterWire(ByteStream& outer) : outer_(outer) {}

    Result<std::optional<std::size_t>> read(Buffer into) override {
        if (!may_read) return std::optional<std::size_t>();
        return outer_.try_read(into);
    }
    Result<std::optional<std::size_t>> write(Bytes bytes, bool) override {
        out.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
        return std::optional<std::size_t>(bytes.size());
    }

    bool may_read = true;
    std::string out;

private:
    ByteStream& outer_;
};

Bytes as_bytes(const std::string& text) {
    return Bytes(reinterpret_cast<const unsigned char*>(text.data()), text.size());
}

}  // namespace

struct NestedTlsStream::State {
    State(ByteStream& stream, const TlsContext& context, const std::string& server_name)
        : outer(stream), wire(stream), engine(context, TlsStream::Role::client, server_name, wire) {}

    /// Sends the records that were made. One writer at a time, as ByteStream has it.
    asio::awaitable<Result<void>> flush() {
        Result<void> sent = Result<void>();
        while (!wire.out.empty() && sent.has_value()) {
            std::string flight = std::exchange(wire.out, std::string());
            sent = co_await outer.write_all(as_bytes(flight));
            flight.clear();
            if (wire.out.empty() && flight.capacity() <= kKeptBytes) wire.out.swap(flight);
        }
        co_return sent;
    }

    ByteStream& outer;
    OuterWire wire;
    TlsEngine engine;
};

NestedTlsStream::NestedTlsStream(ByteStream& outer, const TlsContext& context, const std::string& server_name)
    : state_(std::make_unique<State>(outer, context, server_name)) {
    // Whoever closes the outer stream ends this one.
    outer.on_cancelled([this] { tell_cancelled(); });
}

NestedTlsStream::~NestedTlsStream() {
    state_->outer.on_cancelled(nullptr);
}

Result<std::string> NestedTlsStream::take_client_hello() {
    // What the outer stream holds by now is not for TLS: the answer to a CONNECT comes first.
    state_->wire.may_read = false;
    const Result<TlsEngine::Step> step = state_->engine.handshake();
    state_->wire.may_read = true;
    if (step.has_error()) return step.error();
    return std::exchange(state_->wire.out, std::string());
}

asio::awaitable<Result<void>> NestedTlsStream::handshake() {
    for (;;) {
        Result<TlsEngine::Step> step = state_->engine.handshake();
        Result<void> sent = co_await state_->flush();
        if (step.has_error()) co_return step.error();
        if (sent.has_error()) co_return sent.error();
        if (step.value().need == TlsEngine::Need::nothing) co_return Result<void>();
        Result<void> ready = co_await state_->outer.wait_readable();
        if (ready.has_error()) co_return ready.error();
    }
}

TlsPeer NestedTlsStream::peer() const {
    return state_->engine.peer();
}

asio::awaitable<Result<void>> NestedTlsStream::wait_readable() {
    const Result<bool> has_readable = state_->engine.has_readable();
    if (has_readable.has_error() || has_readable.value()) co_return Result<void>();
    co_return co_await state_->outer.wait_readable();
}

Result<std::optional<std::size_t>> NestedTlsStream::try_read(Buffer into) {
    const Result<TlsEngine::Step> step = state_->engine.read(into);
    if (step.has_error()) return step.error();
    if (step.value().need != TlsEngine::Need::nothing) return std::optional<std::size_t>();
    return std::optional<std::size_t>(step.value().bytes);
}

asio::awaitable<Result<void>> NestedTlsStream::write_all(Bytes bytes) {
    while (!bytes.empty()) {
        while (!bytes.empty() && state_->wire.out.size() < kBatchBytes) {
            const Result<TlsEngine::Step> step = state_->engine.write(bytes);
            if (step.has_error()) co_return step.error();
            bytes = bytes.subspan(step.value().bytes);
            if (step.value().need != TlsEngine::Need::nothing) {
                // Only a handshake that is not done asks for bytes from the peer here.
                co_return Failure{Code::internal, "writing before the handshake of the inner TLS"};
            }
        }
        Result<void> sent = co_await state_->flush();
        if (sent.has_error()) co_return sent.error();
    }
    co_return Result<void>();
}

asio::awaitable<Result<void>> NestedTlsStream::shutdown_send() {
    const Result<TlsEngine::Step> step = state_->engine.shut_down();
    if (step.has_error()) co_return step.error();
    Result<void> sent = co_await state_->flush();
    if (sent.has_error()) co_return sent.error();
    co_return co_await state_->outer.shutdown_send();
}

void NestedTlsStream::wake() noexcept {
    state_->outer.wake();
}

void NestedTlsStream::cancel() noexcept {
    state_->outer.cancel();
    tell_cancelled();
}

void NestedTlsStream::close() noexcept {
    state_->outer.close();
    tell_cancelled();
}

asio::any_io_executor NestedTlsStream::executor() {
    return state_->outer.executor();
}

}  // namespace postern::net

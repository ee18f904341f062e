#include "net/nested_tls_stream.hpp"

#include <utility>

#include "net/tls_engine.hpp"

namespace postern::net {

namespace asio = boost::asio;

namespace {

/// A larger output buffer is freed once it is flushed, so that an idle tunnel holds no buffer.
constexpr std::size_t kKeptBytes = 4 * 1024;
/// The bytes of records that are collected before they are offered to the outer stream.
constexpr std::size_t kBatchBytes = 64 * 1024;

/// Reads directly from the outer stream, and collects written records in `out` until the owner sends them.
class OuterWire final : public Wire {
public:
    explicit OuterWire(ByteStream& outer) : outer_(outer) {}

    Result<std::optional<std::size_t>> read(Buffer into) override {
        if (!may_read) {
            return std::optional<std::size_t>();
        }
        return outer_.try_read(into);
    }
    Result<std::size_t> write(Bytes bytes, bool) override {
        out.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
        return bytes.size();
    }

    /// When false, read() reports that nothing is available.
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

    /// Sends what the outer stream accepts of the collected records. Returns whether all were sent.
    Result<bool> flush_some() {
        while (flushed < wire.out.size()) {
            const Result<std::size_t> sent = outer.try_write(as_bytes(wire.out).subspan(flushed));
            if (!sent) {
                return sent.error();
            }
            if (sent.value() == 0) {
                return false;
            }
            flushed += sent.value();
        }
        flushed = 0;
        if (wire.out.capacity() > kKeptBytes) {
            wire.out = std::string();
        } else {
            wire.out.clear();
        }
        return true;
    }

    /// Sends all collected records. There must be only one writer at a time.
    asio::awaitable<Result<void>> flush() {
        for (;;) {
            const Result<bool> is_done = flush_some();
            if (!is_done) {
                co_return is_done.error();
            }
            if (is_done.value()) {
                co_return Result<void>();
            }
            Result<void> ready = co_await outer.wait_writable();
            if (!ready) {
                co_return ready.error();
            }
        }
    }

    ByteStream& outer;
    OuterWire wire;
    TlsEngine engine;
    /// How many bytes of wire.out were sent.
    std::size_t flushed = 0;
    /// Bytes that were encrypted but not yet reported as written, because their records are not sent
    /// completely. The next write offers these bytes first.
    std::size_t encrypted = 0;
};

NestedTlsStream::NestedTlsStream(ByteStream& outer, const TlsContext& context, const std::string& server_name)
    : state_(std::make_unique<State>(outer, context, server_name)) {
    // Closing the outer stream ends this one.
    outer.on_cancelled([this] { tell_cancelled(); });
}

NestedTlsStream::~NestedTlsStream() {
    state_->outer.on_cancelled(nullptr);
}

Result<std::string> NestedTlsStream::take_client_hello() {
    // Bytes that the outer stream holds now do not belong to TLS: the answer to a CONNECT comes first.
    state_->wire.may_read = false;
    const Result<TlsEngine::Step> step = state_->engine.handshake();
    state_->wire.may_read = true;
    if (!step) {
        return step.error();
    }
    return std::exchange(state_->wire.out, std::string());
}

asio::awaitable<Result<void>> NestedTlsStream::handshake() {
    for (;;) {
        Result<TlsEngine::Step> step = state_->engine.handshake();
        Result<void> sent = co_await state_->flush();
        if (!step) {
            co_return step.error();
        }
        if (!sent) {
            co_return sent.error();
        }
        if (step.value().need == TlsEngine::Need::nothing) {
            co_return Result<void>();
        }
        Result<void> ready = co_await state_->outer.wait_readable();
        if (!ready) {
            co_return ready.error();
        }
    }
}

TlsPeer NestedTlsStream::peer() const {
    return state_->engine.peer();
}

void NestedTlsStream::when_readable(ReadyListenerPtr listener) {
    const Result<bool> has_readable = state_->engine.has_readable();
    if (!has_readable || has_readable.value()) {
        return tell_soon(std::move(listener), Result<void>());
    }
    state_->outer.when_readable(std::move(listener));
}

Result<std::optional<std::size_t>> NestedTlsStream::try_read(Buffer into) {
    const Result<TlsEngine::Step> step = state_->engine.read(into);
    if (!step) {
        return step.error();
    }
    if (step.value().need != TlsEngine::Need::nothing) {
        return std::optional<std::size_t>();
    }
    return std::optional<std::size_t>(step.value().bytes);
}

void NestedTlsStream::when_writable(ReadyListenerPtr listener) {
    state_->outer.when_writable(std::move(listener));
}

Result<std::size_t> NestedTlsStream::try_write(Bytes bytes) {
    std::size_t taken = 0;
    for (;;) {
        const Result<bool> is_flushed = state_->flush_some();
        if (!is_flushed) {
            return is_flushed.error();
        }
        if (!is_flushed.value()) {
            return taken;
        }
        taken += std::exchange(state_->encrypted, 0);
        if (taken == bytes.size()) {
            return taken;
        }
        const Bytes left = bytes.subspan(taken);
        while (state_->encrypted < left.size() && state_->wire.out.size() < kBatchBytes) {
            const Result<TlsEngine::Step> step = state_->engine.write(left.subspan(state_->encrypted));
            if (!step) {
                return step.error();
            }
            if (step.value().need != TlsEngine::Need::nothing) {
                // Writing needs bytes from the peer only if the handshake is not complete.
                return Failure{Code::internal, "writing before the handshake of the inner TLS"};
            }
            state_->encrypted += step.value().bytes;
        }
    }
}

asio::awaitable<Result<void>> NestedTlsStream::shutdown_send() {
    const Result<TlsEngine::Step> step = state_->engine.shut_down();
    if (!step) {
        co_return step.error();
    }
    Result<void> sent = co_await state_->flush();
    if (!sent) {
        co_return sent.error();
    }
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

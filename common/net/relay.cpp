#include "net/relay.hpp"

#include <exception>
#include <memory>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "net/buffer_pool.hpp"

namespace postern::net {

namespace asio = boost::asio;

namespace {

enum class Phase { reading, writing, ended };

Side opposite(Side side) {
    return side == Side::a ? Side::b : Side::a;
}

/// By the one thread that writes it: cheaper than a locked addition.
void add(std::atomic<std::uint64_t>& counter, std::uint64_t more) {
    counter.store(counter.load(std::memory_order_relaxed) + more, std::memory_order_relaxed);
}

/// Goes on with the coroutine that waits for the end.
class Finish {
public:
    virtual ~Finish() = default;
    virtual void call(std::exception_ptr exception, RelayEnd end) = 0;
};

template <class Handler>
class FinishOf final : public Finish {
public:
    explicit FinishOf(Handler handler) : handler_(std::move(handler)) {}
    void call(std::exception_ptr exception, RelayEnd end) override {
        std::move(handler_)(std::move(exception), std::move(end));
    }

private:
    Handler handler_;
};

class Run;

/// One of the two directions, named by the side that it reads from. No coroutine: most messages are read and
/// written without a wait between, and an idle tunnel holds no frame for them.
class Direction final : public ReadyListener {
public:
    Direction(Run& run, ByteStream& in, ByteStream& out, Side from)
        : run_(run), in_(in), out_(out), from_(from) {}
    void on_ready(Result<void> ready) override;

    void start();

    ByteStream& in() const { return in_; }
    ByteStream& out() const { return out_; }
    Phase phase() const { return phase_; }
    std::uint64_t bytes() const { return bytes_; }

    RelayFilter* filter = nullptr;
    std::atomic<std::uint64_t>* counter = nullptr;

private:
    void proceed(const Result<void>& ready);
    void read();
    void write();
    void pass_end();
    void end_passed(const Result<void>& told);
    void end();
    void end_by(std::exception_ptr exception);
    ReadyListenerPtr self();

    Run& run_;
    ByteStream& in_;
    ByteStream& out_;
    Side from_;
    Phase phase_ = Phase::reading;
    std::uint64_t bytes_ = 0;
    /// Only while bytes are on their way, and those of them that have to wait.
    std::optional<BorrowedBuffer> buffer_;
    Bytes rest_;
};

/// What the two directions share. Their waits keep it alive.
class Run : public std::enable_shared_from_this<Run> {
public:
    Run(ByteStream& a, ByteStream& b, const RelayOptions& options, std::unique_ptr<Finish> finish)
        : a_(*this, a, b, Side::a),
          b_(*this, b, a, Side::b),
          timeout_(options.half_close_timeout),
          finish_(std::move(finish)) {
        a_.filter = options.a_to_b;
        b_.filter = options.b_to_a;
        if (options.counters != nullptr) {
            a_.counter = &options.counters->a_to_b;
            b_.counter = &options.counters->b_to_a;
        }
    }
    Run(const Run&) = delete;
    Run& operator=(const Run&) = delete;

    void start() {
        for (const Side side : {Side::a, Side::b}) {
            from(side).in().on_cancelled([weak = weak_from_this(), side] {
                if (const auto run = weak.lock()) {
                    run->fail(side, Failure{Code::cancelled, "closed on this side"});
                }
            });
            from(side).start();
        }
    }

    Direction& from(Side side) { return side == Side::a ? a_ : b_; }
    bool is_stopping() const { return is_stopping_; }
    bool has_ended(Side side) { return from(side).phase() == Phase::ended; }

    /// The first failure ends both directions: the side's stream is cancelled, the other one is only woken
    /// unless bytes are half-way out on it.
    void fail(Side side, Failure failure) {
        if (is_stopping_) {
            return;
        }
        is_stopping_ = true;
        // Who closes after its last word takes no more: a late close_notify, or a FIN, meets a reset. That is
        // how an ordinary end looks, not how a connection is lost.
        const bool is_ordinary = closed_first_ && failure.code == Code::end_of_stream;
        if (!is_ordinary) {
            end_.ended_by = side;
            end_.failure = std::move(failure);
        }
        set_not_whole(side);
        from(side).in().cancel();
        release(opposite(side));
    }

    /// A write to the side failed. Why it takes no more may be what it has said last, which still goes to the
    /// other side; how that ends is how the side ends.
    void fail_to_take(Side side, Failure failure) {
        if (failure.code != Code::end_of_stream || has_ended(side)) {
            return fail(side, std::move(failure));
        }
        set_not_whole(side);
        watch_half_close(side);
    }

    /// The filter refused what `side` sent. Neither stream is at fault.
    void refuse(Side side, Failure failure) {
        if (is_stopping_) {
            return;
        }
        is_stopping_ = true;
        end_.ended_by = side;
        end_.failure = std::move(failure);
        // Bytes were read for the other side that it never got.
        set_not_whole(opposite(side));
        Direction& other = from(opposite(side));
        if (other.phase() == Phase::writing) {
            set_not_whole(side);
            other.out().cancel();
        } else {
            other.in().wake();
        }
    }

    void fail_by(Side side, std::exception_ptr exception) {
        if (!exception_) {
            exception_ = std::move(exception);
        }
        fail(side, Failure{Code::internal, "an exception"});
    }

    void note_told_of_end(Side side) {
        (side == Side::a ? end_.a_was_told_of_end : end_.b_was_told_of_end) = true;
    }

    /// The side has sent its last byte, in order.
    void note_close(Side side) {
        if (!closed_first_ && !is_stopping_) {
            closed_first_ = side;
            end_.ended_by = side;
        }
    }

    /// One direction has ended in order and the other one is open: ends the run when that moves nothing for a
    /// while. One timer, looked at once a period.
    void watch_half_close(Side open) {
        if (timer_ == nullptr) {
            timer_ = std::make_unique<asio::steady_timer>(a_.in().executor());
        }
        const std::uint64_t seen = bytes();
        timer_->expires_after(timeout_);
        timer_->async_wait([weak = weak_from_this(), open, seen](const boost::system::error_code& error) {
            const auto run = weak.lock();
            if (error || run == nullptr || run->finish_ == nullptr) {
                return;
            }
            if (run->bytes() != seen) {
                run->watch_half_close(open);
            } else {
                run->fail(open, Failure{Code::timed_out, "silent after the other side had ended"});
            }
        });
    }

    void finish_if_ended() {
        if (!has_ended(Side::a) || !has_ended(Side::b) || finish_ == nullptr) {
            return;
        }
        a_.in().on_cancelled(nullptr);
        b_.in().on_cancelled(nullptr);
        timer_.reset();
        end_.bytes_a_to_b = a_.bytes();
        end_.bytes_b_to_a = b_.bytes();
        const auto finish = std::move(finish_);
        finish->call(std::move(exception_), std::move(end_));
    }

private:
    std::uint64_t bytes() const { return a_.bytes() + b_.bytes(); }
    /// Frees whichever direction waits on the stream of `side`.
    void release(Side side) {
        ByteStream& stream = from(side).in();
        if (from(opposite(side)).phase() == Phase::writing) {
            set_not_whole(side);
            stream.cancel();
        } else {
            stream.wake();
        }
    }
    void set_not_whole(Side side) { (side == Side::a ? end_.a_is_whole : end_.b_is_whole) = false; }

    Direction a_;
    Direction b_;
    std::chrono::milliseconds timeout_;
    /// Null once the end has been told.
    std::unique_ptr<Finish> finish_;
    std::unique_ptr<asio::steady_timer> timer_;
    RelayEnd end_;
    std::exception_ptr exception_;
    bool is_stopping_ = false;
    std::optional<Side> closed_first_;
};

ReadyListenerPtr Direction::self() {
    return ReadyListenerPtr(run_.shared_from_this(), this);
}

void Direction::start() {
    in_.when_readable(self());
}

void Direction::on_ready(Result<void> ready) {
    try {
        proceed(ready);
    } catch (...) {
        end_by(std::current_exception());
    }
    run_.finish_if_ended();
}

void Direction::proceed(const Result<void>& ready) {
    const bool was_writing = phase_ == Phase::writing;
    phase_ = Phase::reading;
    if (ready.has_error()) {
        run_.fail(was_writing ? opposite(from_) : from_, ready.error());
    }
    if (run_.is_stopping()) {
        return end();
    }
    if (was_writing) {
        write();
    } else {
        read();
    }
}

void Direction::read() {
    buffer_.emplace();
    Result<std::optional<std::size_t>> got = in_.try_read(buffer_->bytes());
    if (got.has_error()) {
        run_.fail(from_, got.error());
        return end();
    }
    if (got.value() && *got.value() == 0) {
        return pass_end();
    }
    const Buffer chunk = buffer_->bytes().first(got.value().value_or(0));
    rest_ = chunk;
    if (filter != nullptr && !chunk.empty()) {
        Result<Bytes> passed = filter->pass(chunk);
        if (passed.has_error()) {
            run_.refuse(from_, passed.error());
            return end();
        }
        rest_ = passed.value();
    }
    write();
}

/// Writes what goes at once of what was read; then waits to write the rest, or to read more.
void Direction::write() {
    if (!rest_.empty()) {
        Result<std::size_t> sent = out_.try_write(rest_);
        if (sent.has_error()) {
            run_.fail_to_take(opposite(from_), sent.error());
            return end();
        }
        rest_ = rest_.subspan(sent.value());
        bytes_ += sent.value();
        if (counter != nullptr) {
            add(*counter, sent.value());
        }
    }
    if (rest_.empty()) {
        buffer_.reset();
        in_.when_readable(self());
    } else {
        phase_ = Phase::writing;
        out_.when_writable(self());
    }
}

/// Passes on that the reading side has ended.
void Direction::pass_end() {
    buffer_.reset();
    run_.note_close(from_);
    phase_ = Phase::writing;
    auto passed = [this, run = run_.shared_from_this()](std::exception_ptr exception,
                                                        const Result<void>& told) {
        phase_ = Phase::reading;
        if (exception) {
            end_by(std::move(exception));
        } else {
            end_passed(told);
        }
        run->finish_if_ended();
    };
    asio::co_spawn(out_.executor(), out_.shutdown_send(), std::move(passed));
}

void Direction::end_passed(const Result<void>& told) {
    const Side to = opposite(from_);
    // A side that had ended before may be gone altogether by now.
    if (told.has_error() && !run_.has_ended(to)) {
        run_.fail(to, told.error());
    }
    if (told.has_value()) {
        run_.note_told_of_end(to);
    }
    end();
    if (!run_.is_stopping() && !run_.has_ended(to)) {
        run_.watch_half_close(to);
    }
}

void Direction::end() {
    buffer_.reset();
    phase_ = Phase::ended;
}

/// A bug, or the end of memory. The other direction would wait for ever.
void Direction::end_by(std::exception_ptr exception) {
    run_.fail_by(from_, std::move(exception));
    end();
}

}  // namespace

asio::awaitable<RelayEnd> relay(ByteStream& a, ByteStream& b, RelayOptions options) {
    auto initiate = [&a, &b, options](auto handler) {
        auto finish = std::make_unique<FinishOf<decltype(handler)>>(std::move(handler));
        std::make_shared<Run>(a, b, options, std::move(finish))->start();
    };
    return asio::async_initiate<const asio::use_awaitable_t<>, void(std::exception_ptr, RelayEnd)>(
        std::move(initiate), asio::use_awaitable);
}

}  // namespace postern::net

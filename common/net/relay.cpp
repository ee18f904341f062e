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

/// What a direction waits for.
enum class Phase { reading, writing, ended };

Side opposite(Side side) {
    return side == Side::a ? Side::b : Side::a;
}

/// Adds to a counter that only this thread writes: cheaper than an atomic addition.
void add(std::atomic<std::uint64_t>& counter, std::uint64_t more) {
    counter.store(counter.load(std::memory_order_relaxed) + more, std::memory_order_relaxed);
}

/// Resumes the coroutine that awaits the end of the relay.
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

/// One of the two directions, named after the side that it reads from. It is not a coroutine: most messages
/// are read and written without a wait in between, and an idle tunnel needs no coroutine frame.
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
    /// Borrowed only while bytes are in transit. `rest_` is the part that is not written yet.
    std::optional<BorrowedBuffer> buffer_;
    Bytes rest_;
};

/// The state that the two directions share. Their pending waits keep it alive.
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

    /// Handles a failure of the stream of `side`. The first failure ends both directions: the side's stream
    /// is cancelled, and the other one is only woken, unless bytes are partly written to it.
    void fail(Side side, Failure failure) {
        if (is_stopping_) {
            return;
        }
        is_stopping_ = true;
        // A peer that closes after its last message accepts nothing more: a late close_notify or FIN is
        // answered with a reset. That is an ordinary end, not a lost connection.
        const bool is_ordinary = closed_first_ && failure.code == Code::end_of_stream;
        if (!is_ordinary) {
            end_.ended_by = side;
            end_.failure = std::move(failure);
        }
        set_not_whole(side);
        from(side).in().cancel();
        release(opposite(side));
    }

    /// Handles a failed write to `side`. The reason may be in the bytes that the side sent last: these are
    /// still forwarded to the other side, and the way that direction ends decides how the relay ends.
    void fail_to_take(Side side, Failure failure) {
        if (failure.code != Code::end_of_stream || has_ended(side)) {
            return fail(side, std::move(failure));
        }
        set_not_whole(side);
        watch_half_close(side);
    }

    /// Handles bytes from `side` that the filter refused. Neither stream has failed.
    void refuse(Side side, Failure failure) {
        if (is_stopping_) {
            return;
        }
        is_stopping_ = true;
        end_.ended_by = side;
        end_.failure = std::move(failure);
        // Bytes were read for the other side that it never received.
        set_not_whole(opposite(side));
        Direction& other = from(opposite(side));
        if (other.phase() == Phase::writing) {
            set_not_whole(side);
            other.out().cancel();
        } else {
            other.in().wake();
        }
    }

    /// Handles an exception. The coroutine that awaits the relay rethrows it.
    void fail_by(Side side, std::exception_ptr exception) {
        if (!exception_) {
            exception_ = std::move(exception);
        }
        fail(side, Failure{Code::internal, "an exception"});
    }

    void note_told_of_end(Side side) {
        (side == Side::a ? end_.a_was_told_of_end : end_.b_was_told_of_end) = true;
    }

    /// Notes that the side has ended its direction in order.
    void note_close(Side side) {
        if (!closed_first_ && !is_stopping_) {
            closed_first_ = side;
            end_.ended_by = side;
        }
    }

    /// Called when one direction has ended in order and the other is open: ends the relay if the open one
    /// moves no byte within the timeout. One timer compares the byte counts once in each period.
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
    /// Ends the wait of the direction that waits on the stream of `side`.
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
    /// Null once the coroutine was resumed.
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
    if (!ready) {
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
    if (!got) {
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
        if (!passed) {
            run_.refuse(from_, passed.error());
            return end();
        }
        rest_ = passed.value();
    }
    write();
}

/// Writes what the stream accepts of the bytes that were read, then waits to write the rest or to read more.
void Direction::write() {
    if (!rest_.empty()) {
        Result<std::size_t> sent = out_.try_write(rest_);
        if (!sent) {
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

/// Tells the other side that the side which this direction reads from has ended.
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
    // A side that had ended before may have closed its socket by now.
    if (!told && !run_.has_ended(to)) {
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

/// Handles an exception (a bug, or exhausted memory). Without this the other direction would wait forever.
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

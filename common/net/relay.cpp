#include "net/relay.hpp"

#include <array>
#include <memory>
#include <utility>

#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/steady_timer.hpp>

#include "net/buffer_pool.hpp"

namespace postern::net {

namespace asio = boost::asio;

namespace {

enum class Phase { reading, writing, ended };

/// One of the two directions, named by the side that it reads from.
struct Direction {
    ByteStream* in = nullptr;
    ByteStream* out = nullptr;
    Side from = Side::a;
    RelayFilter* filter = nullptr;
    std::atomic<std::uint64_t>* counter = nullptr;
    std::uint64_t bytes = 0;
    Phase phase = Phase::reading;
};

Side opposite(Side side) {
    return side == Side::a ? Side::b : Side::a;
}

/// What the two directions share. Lives in relay()'s frame, which both have left before it ends.
class Run {
public:
    Run(ByteStream& a, ByteStream& b, const RelayOptions& options) {
        RelayCounters* counters = options.counters;
        directions_[0] = Direction{&a, &b, Side::a, options.a_to_b, counters ? &counters->a_to_b : nullptr};
        directions_[1] = Direction{&b, &a, Side::b, options.b_to_a, counters ? &counters->b_to_a : nullptr};
        a.on_cancelled([this] { fail(Side::a, Failure{Code::cancelled, "closed on this side"}); });
        b.on_cancelled([this] { fail(Side::b, Failure{Code::cancelled, "closed on this side"}); });
    }
    ~Run() {
        directions_[0].in->on_cancelled(nullptr);
        directions_[1].in->on_cancelled(nullptr);
    }
    Run(const Run&) = delete;
    Run& operator=(const Run&) = delete;

    Direction& from(Side side) { return directions_[side == Side::a ? 0 : 1]; }
    bool is_stopping() const { return is_stopping_; }
    std::uint64_t bytes() const { return directions_[0].bytes + directions_[1].bytes; }

    /// The first failure ends both directions: the side's stream is cancelled, the other one is only woken
    /// unless bytes are half-way out on it.
    void fail(Side side, Failure failure) {
        if (is_stopping_) return;
        is_stopping_ = true;
        // Who closes after its last word takes no more: a late close_notify, or a FIN, meets a reset. That is
        // how an ordinary end looks, not how a connection is lost.
        const bool is_ordinary = closed_first_ && failure.code == Code::end_of_stream;
        if (!is_ordinary) {
            end_.ended_by = side;
            end_.failure = std::move(failure);
        }
        set_not_whole(side);
        from(side).in->cancel();
        release(opposite(side));
    }

    /// The filter refused what `side` sent. Neither stream is at fault.
    void refuse(Side side, Failure failure) {
        if (is_stopping_) return;
        is_stopping_ = true;
        end_.ended_by = side;
        end_.failure = std::move(failure);
        // Bytes were read for the other side that it never got.
        set_not_whole(opposite(side));
        Direction& other = from(opposite(side));
        if (other.phase == Phase::writing) {
            set_not_whole(side);
            other.out->cancel();
        } else {
            other.in->wake();
        }
    }

    /// The side has sent its last byte, in order.
    void note_close(Side side) {
        if (!closed_first_ && !is_stopping_) {
            closed_first_ = side;
            end_.ended_by = side;
        }
    }
    void end(Direction& direction) { direction.phase = Phase::ended; }
    bool has_ended(Side side) { return from(side).phase == Phase::ended; }

    RelayEnd result() {
        end_.is_complete = !is_stopping_;
        end_.bytes_a_to_b = directions_[0].bytes;
        end_.bytes_b_to_a = directions_[1].bytes;
        return std::move(end_);
    }

private:
    /// Frees whichever direction waits on the stream of `side`: a wait for bytes is woken, a write is given
    /// up.
    void release(Side side) {
        ByteStream& stream = *from(side).in;
        if (from(opposite(side)).phase == Phase::writing) {
            set_not_whole(side);
            stream.cancel();
        } else {
            stream.wake();
        }
    }
    void set_not_whole(Side side) { (side == Side::a ? end_.a_is_whole : end_.b_is_whole) = false; }

    std::array<Direction, 2> directions_;
    RelayEnd end_;
    bool is_stopping_ = false;
    std::optional<Side> closed_first_;
};

/// Ends the run when, after one direction has ended, the other one moves nothing for a while. One timer,
/// looked at once a period.
class HalfCloseWatch {
public:
    HalfCloseWatch(Run& run, const asio::any_io_executor& executor, std::chrono::milliseconds patience)
        : state_(std::make_shared<State>(run, executor, patience)) {}
    ~HalfCloseWatch() {
        state_->run = nullptr;
        state_->timer.cancel();
    }
    HalfCloseWatch(const HalfCloseWatch&) = delete;
    HalfCloseWatch& operator=(const HalfCloseWatch&) = delete;

    void start(Side open) {
        state_->open = open;
        arm(state_);
    }

private:
    struct State {
        State(Run& watched, const asio::any_io_executor& executor, std::chrono::milliseconds period)
            : run(&watched), timer(executor), patience(period) {}
        Run* run;
        asio::steady_timer timer;
        std::chrono::milliseconds patience;
        Side open = Side::a;
        std::uint64_t seen = 0;
    };

    static void arm(const std::shared_ptr<State>& state) {
        state->seen = state->run->bytes();
        state->timer.expires_after(state->patience);
        state->timer.async_wait([state](const boost::system::error_code& error) {
            if (error || state->run == nullptr) return;
            if (state->run->bytes() != state->seen) {
                arm(state);
            } else {
                state->run->fail(state->open,
                                 Failure{Code::timed_out, "silent after the other side had ended"});
            }
        });
    }

    std::shared_ptr<State> state_;
};

/// Passes on that the reading side has ended. Whether both sides still stand.
asio::awaitable<bool> pass_end(Run& run, Direction& direction) {
    direction.phase = Phase::writing;
    Result<void> told = co_await direction.out->shutdown_send();
    direction.phase = Phase::reading;
    const Side to = opposite(direction.from);
    // A side that had ended before may be gone altogether by now.
    if (told.has_error() && !run.has_ended(to)) {
        run.fail(to, std::move(told.error()));
        co_return false;
    }
    co_return !run.is_stopping();
}

asio::awaitable<void> carry(Run& run, Direction& direction, HalfCloseWatch& watch) {
    const Side to = opposite(direction.from);
    while (!run.is_stopping()) {
        Result<void> ready = co_await direction.in->wait_readable();
        if (run.is_stopping()) break;
        if (ready.has_error()) {
            run.fail(direction.from, std::move(ready.error()));
            break;
        }
        BorrowedBuffer buffer;
        Result<std::optional<std::size_t>> got = direction.in->try_read(buffer.bytes());
        if (got.has_error()) {
            run.fail(direction.from, std::move(got.error()));
            break;
        }
        if (!got.value()) continue;
        if (*got.value() == 0) {
            run.note_close(direction.from);
            const bool stands = co_await pass_end(run, direction);
            if (!stands) break;
            run.end(direction);
            if (!run.has_ended(to)) watch.start(to);
            co_return;
        }
        Bytes chunk = buffer.bytes().first(*got.value());
        if (direction.filter != nullptr) {
            Result<Bytes> passed = direction.filter->pass(buffer.bytes().first(*got.value()));
            if (passed.has_error()) {
                run.refuse(direction.from, std::move(passed.error()));
                break;
            }
            chunk = passed.value();
            if (chunk.empty()) continue;
        }
        direction.phase = Phase::writing;
        Result<void> written = co_await direction.out->write_all(chunk);
        direction.phase = Phase::reading;
        if (written.has_error()) {
            run.fail(to, std::move(written.error()));
            break;
        }
        direction.bytes += chunk.size();
        if (direction.counter != nullptr)
            direction.counter->store(direction.bytes, std::memory_order_relaxed);
    }
    run.end(direction);
}

}  // namespace

asio::awaitable<RelayEnd> relay(ByteStream& a, ByteStream& b, RelayOptions options) {
    using asio::experimental::awaitable_operators::operator&&;
    Run run(a, b, options);
    HalfCloseWatch watch(run, a.executor(), options.half_close_patience);
    asio::awaitable<void> forth = carry(run, run.from(Side::a), watch);
    asio::awaitable<void> back = carry(run, run.from(Side::b), watch);
    asio::awaitable<void> both = std::move(forth) && std::move(back);
    co_await std::move(both);
    co_return run.result();
}

}  // namespace postern::net

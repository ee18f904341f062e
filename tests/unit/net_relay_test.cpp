// What the relay promises: every byte in order both ways, half-close, back-pressure, and a prompt end.
#include <sys/socket.h>

#include <chrono>
#include <optional>
#include <string>

#include "net/deadline_timer.hpp"
#include "pki/digest.hpp"
#include "unit/net_relay_fixture.hpp"

namespace postern::net {
namespace {

TEST(Relay, CarriesMuchBothWaysAtOnceUnchanged) {
    Line line;
    RelayCounters counters;
    RelayOptions options;
    options.counters = &counters;
    const std::string up = noise(20'000'000, 1);
    const std::string down = noise(30'000'000, 2);
    std::string got_up;
    std::string got_down;
    line.run(all(send_all(line.client, up), receive_all(line.client, got_down), send_all(line.backend, down),
                 receive_all(line.backend, got_up)),
             options);
    EXPECT_EQ(pki::sha256_hex(got_up), pki::sha256_hex(up));
    EXPECT_EQ(pki::sha256_hex(got_down), pki::sha256_hex(down));
    EXPECT_EQ(line.end.bytes_a_to_b, up.size());
    EXPECT_EQ(line.end.bytes_b_to_a, down.size());
    EXPECT_EQ(counters.a_to_b, up.size());
    EXPECT_EQ(counters.b_to_a, down.size());
    EXPECT_FALSE(line.end.failure);
}

awaitable<void> answer_after_end(PlainStream& backend, std::string& question) {
    question = co_await test::read_to_end(backend);
    co_await pause(backend.executor(), 50ms);
    const std::string answer = "the answer to " + question;
    co_await backend.write_all(test::as_bytes(answer));
    co_await backend.shutdown_send();
}

TEST(Relay, PassesTheEndOnAndStillCarriesTheAnswer) {
    Line line;
    std::string question;
    std::string answer;
    line.run(all(send_all(line.client, "question"), answer_after_end(line.backend, question),
                 receive_all(line.client, answer)));
    EXPECT_EQ(question, "question");
    EXPECT_EQ(answer, "the answer to question");
    EXPECT_EQ(line.end.ended_by, Side::a);
    EXPECT_FALSE(line.end.failure);
    EXPECT_TRUE(line.end.a_was_told_of_end);
    EXPECT_TRUE(line.end.b_was_told_of_end);
}

TEST(Relay, EndsAHalfClosedConnectionThatIsSilent) {
    Line line;
    RelayOptions options;
    options.half_close_timeout = 50ms;
    line.run(all(send_all(line.client, "question")), options);
    ASSERT_TRUE(line.end.failure);
    EXPECT_EQ(line.end.failure->code, Code::timed_out);
    EXPECT_EQ(line.end.ended_by, Side::b);
}

awaitable<void> drip_answer(PlainStream& backend) {
    co_await test::read_to_end(backend);
    for (int i = 0; i < 12; ++i) {
        co_await pause(backend.executor(), 30ms);
        const std::string byte = "x";
        co_await backend.write_all(test::as_bytes(byte));
    }
    co_await backend.shutdown_send();
}

TEST(Relay, KeepsAHalfClosedConnectionThatStillMoves) {
    Line line;
    RelayOptions options;
    options.half_close_timeout = 150ms;
    std::string answer;
    line.run(
        all(send_all(line.client, "question"), drip_answer(line.backend), receive_all(line.client, answer)),
        options);
    EXPECT_FALSE(line.end.failure);
    EXPECT_EQ(answer.size(), 12u);
}

/// Reads nothing: what is sent to it piles up in the kernel, then in front of the relay.
awaitable<void> stuff(PlainStream& client, std::size_t& sent) {
    const std::string chunk(100'000, 'x');
    for (int i = 0; i < 1000; ++i) {
        const auto written = co_await client.write_all(test::as_bytes(chunk));
        if (!written) {
            co_return;
        }
        sent += chunk.size();
    }
}

awaitable<void> close_later(ByteStream& stream, ByteStream& client, std::chrono::milliseconds time) {
    co_await pause(stream.executor(), time);
    stream.close();
    co_await pause(client.executor(), 20ms);
    client.close();
}

TEST(Relay, TakesNoMoreThanTheOtherSideTakesAndEndsWhenClosedFromOutside) {
    for (const bool closes_a : {true, false}) {
        Line line;
        std::size_t sent = 0;
        const auto start = std::chrono::steady_clock::now();
        ByteStream& closed = closes_a ? static_cast<ByteStream&>(line.a) : line.b;
        line.run(all(stuff(line.client, sent), close_later(closed, line.client, 300ms)));
        EXPECT_LT(std::chrono::steady_clock::now() - start, 5s);
        EXPECT_LT(sent, 50'000'000u);
        ASSERT_TRUE(line.end.failure);
        EXPECT_EQ(line.end.failure->code, Code::cancelled);
        EXPECT_EQ(line.end.ended_by, closes_a ? Side::a : Side::b);
        EXPECT_FALSE(line.end.b_is_whole) << "bytes for b were on their way";
    }
}

TEST(Relay, EndsAtOnceWhenAnIdleStreamIsClosedFromOutside) {
    Line line;
    line.run(all(close_later(line.b, line.client, 30ms)));
    ASSERT_TRUE(line.end.failure);
    EXPECT_EQ(line.end.failure->code, Code::cancelled);
    EXPECT_EQ(line.end.ended_by, Side::b);
    EXPECT_TRUE(line.end.a_is_whole);
}

awaitable<void> reset_after(PlainStream& backend, std::size_t size) {
    const std::string read = co_await test::read_exactly(backend, size);
    const linger hard{1, 0};
    ::setsockopt(backend.fd(), SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    backend.close();
}

awaitable<void> relay_and_say(ByteStream& a, ByteStream& b, RelayEnd& end) {
    end = co_await relay(a, b, RelayOptions{});
    const std::string last_word = "FATAL";
    EXPECT_TRUE(end.a_is_whole);
    const auto written = co_await a.write_all(test::as_bytes(last_word));
    EXPECT_TRUE(written.has_value());
    co_await a.shutdown_send();
}

awaitable<void> send_then_read(PlainStream& client, std::string& got) {
    const std::string hello = "hello";
    co_await client.write_all(test::as_bytes(hello));
    got = co_await test::read_to_end(client);
}

TEST(Relay, LeavesTheWholeSideGoodForALastMessage) {
    Line line;
    std::string got;
    test::run_all(line.loop, all(send_then_read(line.client, got), reset_after(line.backend, 5),
                                 relay_and_say(line.a, line.b, line.end)));
    ASSERT_TRUE(line.end.failure);
    EXPECT_EQ(line.end.failure->code, Code::end_of_stream);
    EXPECT_EQ(line.end.ended_by, Side::b);
    EXPECT_FALSE(line.end.b_is_whole);
    EXPECT_EQ(got, "FATAL");
}

/// Says goodbye, closes, and answers whatever still comes with a reset.
awaitable<void> answer_and_close(PlainStream& backend, bool& is_closed) {
    co_await test::read_exactly(backend, 1);
    const std::string last_words = "bye";
    co_await backend.write_all(test::as_bytes(last_words));
    backend.close();
    is_closed = true;
}

/// Sends Terminate, waits for the other side's end, and only then says that it ends too.
awaitable<void> terminate_late(PlainStream& client, std::string& got, bool& is_closed) {
    const std::string terminate = "X";
    co_await client.write_all(test::as_bytes(terminate));
    got = co_await test::read_to_end(client);
    EXPECT_TRUE(is_closed);
    const std::string close_notify = "close_notify";
    // The first meets the closed socket, whose reset the second meets.
    for (int i = 0; i < 2; ++i) {
        [[maybe_unused]] const auto late = co_await client.write_all(test::as_bytes(close_notify));
        co_await pause(client.executor(), 20ms);
    }
    co_await client.shutdown_send();
}

TEST(Relay, ALateByteToASideThatHasClosedIsAnOrdinaryEndByThatSide) {
    Line line;
    std::string got;
    bool is_closed = false;
    line.run(all(answer_and_close(line.backend, is_closed), terminate_late(line.client, got, is_closed)));
    EXPECT_EQ(got, "bye");
    EXPECT_FALSE(line.end.failure) << line.end.failure->detail;
    EXPECT_EQ(line.end.ended_by, Side::b);
    EXPECT_FALSE(line.end.b_is_whole);
}

/// As a server goes that has not read all there was.
awaitable<void> reset_at_end(PlainStream& backend) {
    co_await test::read_exactly(backend, 1);
    co_await pause(backend.executor(), 50ms);
    const ::linger at_once{1, 0};
    ::setsockopt(backend.fd(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    backend.close();
}

/// Says why it takes no more, and takes no more: what it leaves unread makes its close a reset.
awaitable<void> refuse_unread(PlainStream& backend) {
    const std::string why = "FATAL: enough";
    co_await backend.write_all(test::as_bytes(why));
    backend.close();
}

awaitable<void> send_and_hear(PlainStream& client, std::string& got) {
    const std::string more = "more of what nobody wants";
    co_await client.write_all(test::as_bytes(more));
    got = co_await test::read_to_end(client);
}

awaitable<void> relay_and_end(ByteStream& a, ByteStream& b, RelayEnd& end) {
    end = co_await relay(a, b, RelayOptions{});
    co_await a.shutdown_send();
}

// The bytes for it are there first, so that the write that fails comes before the read.
TEST(Relay, WhatASideSaidBeforeItTookNoMoreStillArrives) {
    Line line;
    std::string got;
    const std::string unread = "unread";
    ASSERT_TRUE(line.b.try_write(test::as_bytes(unread)));
    ASSERT_TRUE(line.client.try_write(test::as_bytes(unread)));
    test::run(line.loop, refuse_unread(line.backend));
    // Takes the reset, which the kernel tells once.
    ASSERT_TRUE(line.b.try_write(test::as_bytes(unread)).has_error());
    test::run_all(line.loop, all(send_and_hear(line.client, got), relay_and_end(line.a, line.b, line.end)));
    EXPECT_EQ(got, "FATAL: enough");
    ASSERT_TRUE(line.end.failure);
    EXPECT_EQ(line.end.failure->code, Code::end_of_stream);
    EXPECT_EQ(line.end.ended_by, Side::b);
    EXPECT_TRUE(line.end.a_is_whole);
    EXPECT_FALSE(line.end.b_is_whole);
    EXPECT_FALSE(line.end.a_was_told_of_end);
}

// Nothing lies unread when it closes; what comes late meets a closed socket before its end was read.
TEST(Relay, ASideThatEndedInOrderHasDoneSoThoughItTakesNoMore) {
    Line line;
    std::string got;
    const std::string late = "late";
    ASSERT_TRUE(line.client.try_write(test::as_bytes(late)));
    test::run(line.loop, refuse_unread(line.backend));
    while (line.b.try_write(test::as_bytes(late)).has_value()) {
    }
    test::run_all(line.loop, all(send_and_hear(line.client, got), relay_and_end(line.a, line.b, line.end)));
    EXPECT_EQ(got, "FATAL: enough");
    EXPECT_FALSE(line.end.failure) << line.end.failure->detail;
    EXPECT_EQ(line.end.ended_by, Side::b);
    EXPECT_TRUE(line.end.a_was_told_of_end);
    EXPECT_FALSE(line.end.b_is_whole);
}

TEST(Relay, AResetBehindTheOrderlyEndOfTheOtherSideIsAnOrdinaryEndByThatSide) {
    Line line;
    line.run(all(send_all(line.client, "X and a close_notify"), reset_at_end(line.backend)));
    EXPECT_FALSE(line.end.failure) << line.end.failure->detail;
    EXPECT_TRUE(line.end.b_was_told_of_end);
    EXPECT_FALSE(line.end.a_was_told_of_end) << "what it got may be a part";
    EXPECT_EQ(line.end.ended_by, Side::a);
}

/// Doubles letters, holds digits back, refuses '!'.
class Doubler final : public RelayFilter {
public:
    Result<Bytes> pass(Buffer chunk) override {
        out_.clear();
        for (const unsigned char c : chunk) {
            if (c == '!') {
                return Failure{Code::malformed_request, "a bang"};
            }
            if (c >= '0' && c <= '9') {
                continue;
            }
            out_.append(2, static_cast<char>(c));
        }
        return test::as_bytes(out_);
    }

private:
    std::string out_;
};

TEST(Relay, SendsOnWhatTheFilterMakesOfIt) {
    Line line;
    Doubler doubler;
    RelayOptions options;
    options.a_to_b = &doubler;
    std::string got;
    std::string back;
    line.run(all(send_all(line.client, "1a2b3"), receive_all(line.backend, got), send_all(line.backend, "1a"),
                 receive_all(line.client, back)),
             options);
    EXPECT_EQ(got, "aabb");
    EXPECT_EQ(back, "1a");
    EXPECT_FALSE(line.end.failure);
}

TEST(Relay, EndsWhenTheFilterRefuses) {
    Line line;
    Doubler doubler;
    RelayOptions options;
    options.a_to_b = &doubler;
    line.run(all(send_all(line.client, "!")), options);
    ASSERT_TRUE(line.end.failure);
    EXPECT_EQ(line.end.failure->code, Code::malformed_request);
    EXPECT_EQ(line.end.ended_by, Side::a);
    EXPECT_TRUE(line.end.a_is_whole);
}

class Thrower final : public RelayFilter {
public:
    Result<Bytes> pass(Buffer) override { throw std::runtime_error("a bug"); }
};

awaitable<void> relay_that_throws(ByteStream& a, ByteStream& b, RelayOptions options, bool& has_thrown) {
    try {
        co_await relay(a, b, options);
    } catch (const std::runtime_error&) {
        has_thrown = true;
    }
    a.close();
    b.close();
}

TEST(Relay, ADirectionThatThrowsTakesTheOtherOneAlong) {
    Line line;
    Thrower thrower;
    RelayOptions options;
    options.a_to_b = &thrower;
    bool has_thrown = false;
    // The backend says nothing and stays: the other direction would wait for it.
    test::run_both(line.loop, send_all(line.client, "x"),
                   relay_that_throws(line.a, line.b, options, has_thrown));
    EXPECT_TRUE(has_thrown);
}

}  // namespace
}  // namespace postern::net

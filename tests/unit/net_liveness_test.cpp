// Who pauses and who is gone.
#include <linux/filter.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <chrono>
#include <optional>
#include <string>
#include <thread>

#include <gtest/gtest.h>

#include "net/ack_monitor.hpp"
#include "support/net_fixture.hpp"

namespace postern::net {
namespace {

using namespace std::chrono_literals;
using boost::asio::awaitable;

/// Whether the connection was lost meanwhile; what was still on its way does not count.
bool is_lost_within(PlainStream& stream, std::chrono::milliseconds timeout) {
    const auto end = std::chrono::steady_clock::now() + timeout;
    pollfd one{stream.fd(), 0, 0};
    return ::poll(&one, 1, static_cast<int>(timeout.count())) > 0 && std::chrono::steady_clock::now() < end;
}

void fill(PlainStream& stream, std::string& sent) {
    const std::string block(1 << 20, 'x');
    while (const std::size_t more = stream.try_write(test::as_bytes(block)).value()) {
        sent.append(block, 0, more);
    }
}

awaitable<void> close_when_sent(PlainStream& stream) {
    const auto sent = co_await stream.shutdown_send();
    EXPECT_TRUE(sent.has_value());
}

awaitable<void> read_all(PlainStream& stream, std::string& received) {
    received = co_await test::read_to_end(stream);
}

TEST(PlainStream, TakesAReaderThatPausesForGoneOnlyByTheBoundOnWhatIsUnconfirmed) {
    boost::asio::io_context loop;
    test::Pair patient = test::connected_pair(loop);
    test::Pair bounded = test::connected_pair(loop);
    patient.a.expect({1s, 1s, 1, std::nullopt});
    bounded.a.expect({1s, 1s, 1, 1s});
    std::string sent;
    std::string lost;
    fill(patient.a, sent);
    fill(bounded.a, lost);
    EXPECT_TRUE(is_lost_within(bounded.a, 10s));
    // By now the other would have been lost, too.
    EXPECT_FALSE(is_lost_within(patient.a, 3s));
    std::string received;
    test::run_both(loop, close_when_sent(patient.a), read_all(patient.b, received));
    EXPECT_EQ(received.size(), sent.size());
}

TEST(PlainStream, TakesAPeerThatLeavesItsQuestionsUnansweredForGone) {
    boost::asio::io_context loop;
    test::Pair pair = test::connected_pair(loop);
    pair.a.expect({1s, 1s, 1, std::nullopt});
    EXPECT_FALSE(is_lost_within(pair.a, 3s)) << "a peer that answers";
    // Nothing reaches it any more.
    sock_filter drop{BPF_RET | BPF_K, 0, 0, 0};
    const sock_fprog program{1, &drop};
    ASSERT_EQ(::setsockopt(pair.b.fd(), SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program), 0);
    std::optional<Code> failure;
    test::run(loop, test::wait_for_bytes(pair.a, failure));
    std::array<unsigned char, 1> byte{};
    EXPECT_EQ(pair.a.try_read(byte).error().code, Code::end_of_stream);
}

TEST(AckMonitor, IsOfWhatIsOwedAllTheTimeAlone) {
    const std::chrono::steady_clock::time_point begin{};
    const PeerAnswers nothing{false, 7};
    const PeerAnswers owed{true, 7};
    const PeerAnswers heard{true, 8};
    AckMonitor watch;
    EXPECT_FALSE(watch.is_silent(nothing, begin, 60s));
    EXPECT_FALSE(watch.is_silent(nothing, begin + 100s, 60s)) << "an idle peer owes nothing";
    EXPECT_FALSE(watch.is_silent(owed, begin + 105s, 60s));
    EXPECT_FALSE(watch.is_silent(owed, begin + 164s, 60s));
    EXPECT_FALSE(watch.is_silent(heard, begin + 165s, 60s)) << "it has answered meanwhile";
    EXPECT_FALSE(watch.is_silent(heard, begin + 224s, 60s));
    EXPECT_TRUE(watch.is_silent(heard, begin + 225s, 60s));
    EXPECT_FALSE(watch.is_silent(nothing, begin + 230s, 60s));
    EXPECT_FALSE(watch.is_silent(owed, begin + 300s, 60s));
}

bool falls_silent(PlainStream& stream, std::chrono::milliseconds timeout, std::chrono::milliseconds end) {
    AckMonitor watch;
    for (const auto until = std::chrono::steady_clock::now() + end;
         std::chrono::steady_clock::now() < until;) {
        if (watch.is_silent(stream.answers(), std::chrono::steady_clock::now(), timeout)) {
            return true;
        }
        std::this_thread::sleep_for(20ms);
    }
    return false;
}

TEST(PlainStream, KnowsAReaderThatPausesFromAPeerThatIsGone) {
    boost::asio::io_context loop;
    test::Pair pair = test::connected_pair(loop);
    std::string sent;
    fill(pair.a, sent);
    EXPECT_FALSE(falls_silent(pair.a, 1s, 3s)) << "it has no room, and says so whenever it is asked";
    // Nothing reaches it any more.
    sock_filter drop{BPF_RET | BPF_K, 0, 0, 0};
    const sock_fprog program{1, &drop};
    ASSERT_EQ(::setsockopt(pair.b.fd(), SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program), 0);
    EXPECT_TRUE(falls_silent(pair.a, 1s, 30s));
    pair.a.abort();
    std::array<unsigned char, 1> byte{};
    EXPECT_EQ(pair.a.try_read(byte).value(), 0U);
}

}  // namespace
}  // namespace postern::net

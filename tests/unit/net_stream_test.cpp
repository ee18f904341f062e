// Streams, listeners, deadlines, and the bounds on how many may come.
#include <linux/sockios.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <array>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <future>
#include <optional>
#include <string>
#include <string_view>
#include <thread>

#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <gtest/gtest.h>

#include "base/unique_fd.hpp"
#include "net/buffer_pool.hpp"
#include "net/connection_slots.hpp"
#include "net/deadline_timer.hpp"
#include "net/lingering_close.hpp"
#include "net/listener.hpp"
#include "net/pending_connections.hpp"
#include "support/loopback_address.hpp"
#include "support/net_fixture.hpp"

namespace postern::net {
namespace {

using namespace std::chrono_literals;
using boost::asio::awaitable;

/// Messages of those sizes, each read with buffers of that size, as it comes.
awaitable<void> exchange(test::Pair& pair, std::vector<std::size_t> sizes, std::size_t buffer_size) {
    std::vector<unsigned char> block(buffer_size);
    const Buffer into(block);
    for (const std::size_t size : sizes) {
        std::string message(size, '\0');
        for (std::size_t i = 0; i < size; ++i) {
            message[i] = static_cast<char>(i * 7 + size);
        }
        const auto sent = pair.a.try_write(test::as_bytes(message));
        EXPECT_EQ(sent.value(), size);
        std::string got;
        while (got.size() < size) {
            const auto ready = co_await pair.b.wait_readable();
            EXPECT_TRUE(ready);
            const auto read = pair.b.try_read(into);
            EXPECT_TRUE(read && *read && **read > 0 && **read <= buffer_size);
            got.append(reinterpret_cast<const char*>(block.data()), read->value_or(0));
        }
        EXPECT_EQ(got, message);
        EXPECT_TRUE(pair.b.is_silent());
    }
}

TEST(PlainStream, HandsOutEveryByteInItsPlaceWhateverTheSizes) {
    for (const std::size_t buffer_size : {1U, 5U, 127U, 128U, 129U, 300U, 65536U}) {
        boost::asio::io_context loop;
        test::Pair pair = test::connected_pair(loop);
        std::vector<std::size_t> sizes{1, 127, 128, 129, 2, 256, 257, 1, 5000, 40000, 128, 3, 1};
        test::run(loop, exchange(pair, std::move(sizes), buffer_size));
    }
}

awaitable<void> wait_for_byte(PlainStream& stream) {
    const auto ready = co_await stream.wait_readable();
    EXPECT_TRUE(ready);
}

TEST(PlainStream, KnowsWhatIsUnreadAlsoWhenAWaitHasTakenIt) {
    boost::asio::io_context loop;
    test::Pair pair = test::connected_pair(loop);
    EXPECT_TRUE(pair.b.is_silent());
    EXPECT_FALSE(pair.b.has_unread());
    const std::string text = "ab";
    ASSERT_TRUE(pair.a.try_write(test::as_bytes(text)));
    test::run(loop, wait_for_byte(pair.b));
    EXPECT_FALSE(pair.b.is_silent());
    EXPECT_TRUE(pair.b.has_unread());
    unsigned char byte = 0;
    const Buffer into(&byte, 1);
    EXPECT_EQ(pair.b.try_read(into).value(), 1U);
    EXPECT_TRUE(pair.b.has_unread());
    EXPECT_EQ(pair.b.try_read(into).value(), 1U);
    EXPECT_EQ(byte, 'b');
    EXPECT_FALSE(pair.b.has_unread());
    EXPECT_TRUE(pair.b.is_silent());
    pair.a.close();
    // As often as somebody waits for it, also when nobody has read it in between.
    for (int i = 0; i < 3; ++i) {
        test::run(loop, wait_for_byte(pair.b));
    }
    EXPECT_FALSE(pair.b.is_silent());
    EXPECT_EQ(pair.b.try_read(into).value(), 0U);
    test::run(loop, wait_for_byte(pair.b));
    EXPECT_EQ(pair.b.try_read(into).value(), 0U);
}

TEST(PlainStream, TellsOfAResetAfterTheBytesBeforeItAndAsOftenAsItIsAsked) {
    boost::asio::io_context loop;
    test::Pair pair = test::connected_pair(loop);
    const std::string text = "last";
    ASSERT_TRUE(pair.a.try_write(test::as_bytes(text)));
    test::run(loop, wait_for_byte(pair.b));
    const ::linger at_once{1, 0};
    ::setsockopt(pair.a.fd(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    pair.a.close();
    std::array<unsigned char, 64> block{};
    const Buffer into(block);
    EXPECT_EQ(pair.b.try_read(into).value(), 4U);
    test::run(loop, wait_for_byte(pair.b));
    EXPECT_FALSE(pair.b.is_silent());
    for (int i = 0; i < 2; ++i) {
        const auto got = pair.b.try_read(into);
        ASSERT_TRUE(!got);
        EXPECT_EQ(got.error().code, Code::end_of_stream);
    }
}

TEST(PlainStream, TellsAPeerThatVanishedFromOneThatEndedAlsoAfterAWriteThatFailed) {
    const std::string text = "last";
    const std::string late = "x";
    for (const bool is_orderly : {true, false}) {
        for (const int writes : {0, 1, 2, 3}) {
            boost::asio::io_context loop;
            test::Pair pair = test::connected_pair(loop);
            ASSERT_TRUE(pair.a.try_write(test::as_bytes(text)));
            if (is_orderly) {
                pair.a.close();
            } else {
                ASSERT_TRUE(pair.b.try_write(test::as_bytes(late)));
                pair.a.set_reset_on_close(true);
                pair.a.close();
            }
            // The first is answered with a reset, of which the second hears, and the third no more.
            for (int i = 0; i < writes; ++i) {
                [[maybe_unused]] const auto sent = pair.b.try_write(test::as_bytes(late));
            }
            test::Heard heard;
            test::run(loop, test::hear(pair.b, heard));
            EXPECT_EQ(heard.text, "last");
            const auto expected = is_orderly ? std::nullopt : std::optional(Code::end_of_stream);
            EXPECT_EQ(heard.failure, expected) << writes;
        }
    }
}

TEST(Listener, RefusesAPortThatIsTaken) {
    const Listener first = Listener::bind(parse_address("127.0.0.1:0").value()).value();
    const auto second = Listener::bind(parse_address("127.0.0.1:" + std::to_string(first.port())).value());
    ASSERT_TRUE(!second);
    EXPECT_EQ(second.error().code, Code::already_exists);
}

TEST(Listener, KnowsWhoCameAlsoWhenTheyHaveResetTheConnectionBeforeItWasAccepted) {
    EventLoops loops(1);
    Listener listener = Listener::bind(parse_address("127.0.0.1:0").value()).value();
    sockaddr_in own{};
    {
        const UniqueFd peer(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        const sockaddr_in to = test::loopback(listener.port());
        ASSERT_EQ(::connect(peer.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to), 0);
        socklen_t size = sizeof own;
        ASSERT_EQ(::getsockname(peer.get(), reinterpret_cast<sockaddr*>(&own), &size), 0);
        const struct ::linger at_once { 1, 0 };
        ASSERT_EQ(::setsockopt(peer.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once), 0);
    }
    std::promise<Endpoint> met;
    listener.accept_on(loops, [&met](boost::asio::io_context&, std::size_t, PlainStream stream) {
        const PlainStream moved = std::move(stream);
        met.set_value(moved.remote());
    });
    loops.start();
    const Endpoint remote = met.get_future().get();
    EXPECT_EQ(remote.address, "127.0.0.1");
    EXPECT_EQ(remote.port, ntohs(own.sin_port));
    listener.stop();
    loops.stop();
}

TEST(Listener, TakesAwayItsOwnNameAndNotThatOfWhoCameAfter) {
    std::string folder = (std::filesystem::temp_directory_path() / "postern-net.XXXXXX").string();
    ASSERT_NE(::mkdtemp(folder.data()), nullptr);
    Address address;
    address.host = folder + "/socket";
    address.is_unix = true;
    {
        std::optional<Listener> first = Listener::bind(address).value();
        std::filesystem::remove(address.host);
        std::optional<Listener> second = Listener::bind(address).value();
        first.reset();
        EXPECT_TRUE(std::filesystem::exists(address.host));
        second.reset();
        EXPECT_FALSE(std::filesystem::exists(address.host));
    }
    std::filesystem::remove_all(folder);
}

TEST(Listener, MakesAUnixSocketForItsOwnerAlone) {
    const std::string path = testing::TempDir() + "/postern_listener_test.sock";
    std::filesystem::remove(path);
    {
        const Listener listener = Listener::bind(parse_address("unix:" + path).value()).value();
        EXPECT_EQ(listener.port(), 0);
        EXPECT_EQ(std::filesystem::status(path).permissions(),
                  std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
    }
    EXPECT_FALSE(std::filesystem::exists(path));
}

TEST(PlainStream, AWaitThatBeginsAfterACancelFails) {
    boost::asio::io_context loop;
    test::Pair pair = test::connected_pair(loop);
    std::optional<Code> cancelled;
    pair.a.cancel();
    test::run(loop, test::wait_for_bytes(pair.a, cancelled));
    EXPECT_EQ(cancelled, Code::cancelled);
    std::optional<Code> closed;
    pair.b.close();
    test::run(loop, test::wait_for_bytes(pair.b, closed));
    EXPECT_EQ(closed, Code::cancelled);
    EXPECT_EQ(pair.a.try_write(test::as_bytes(std::string("x"))).error().code, Code::cancelled);
}

TEST(PlainStream, WritesAtOnceWhatFitsAndSaysHowMuch) {
    boost::asio::io_context loop;
    test::Pair pair = test::connected_pair(loop);
    const std::string much(64 << 20, 'x');
    std::size_t sent = 0;
    for (std::size_t taken = 1; taken > 0; sent += taken) {
        taken = pair.a.try_write(test::as_bytes(much).subspan(sent)).value();
    }
    EXPECT_GT(sent, 0U);
    EXPECT_LT(sent, much.size());
}

TEST(PlainStream, KnowsSinceWhenItsPeerHasNotBeenHeardOf) {
    boost::asio::io_context loop;
    test::Pair pair = test::connected_pair(loop);
    const std::string word = "x";
    ASSERT_TRUE(pair.b.try_write(test::as_bytes(word)));
    std::this_thread::sleep_for(300ms);
    EXPECT_GE(pair.a.since_heard(), 200ms);
    ASSERT_TRUE(pair.b.try_write(test::as_bytes(word)));
    test::run(loop, wait_for_byte(pair.a));
    EXPECT_LT(pair.a.since_heard(), 200ms) << "it has said something";
    std::this_thread::sleep_for(300ms);
    ASSERT_TRUE(pair.a.try_write(test::as_bytes(word)));
    const auto until = std::chrono::steady_clock::now() + 5s;
    while (pair.a.since_heard() >= 200ms && std::chrono::steady_clock::now() < until) {
    }
    EXPECT_LT(pair.a.since_heard(), 200ms) << "it has confirmed something";
}

/// Reads at once all that there is.
class ReadsAll final : public ReadyListener {
public:
    ReadsAll(PlainStream& stream, std::string& into) : stream_(stream), into_(into) {}
    void on_ready(Result<void> ready) override {
        EXPECT_TRUE(ready);
        std::array<unsigned char, 1000> block{};
        const auto got = stream_.try_read(block);
        EXPECT_TRUE(got);
        into_.append(reinterpret_cast<const char*>(block.data()), got->value_or(0));
    }

private:
    PlainStream& stream_;
    std::string& into_;
};

// As TLS does whose write has failed, while its reader waits: the loop has both news at once, and tells the
// writer first.
TEST(PlainStream, HandsOutEveryByteInItsPlaceAlsoToAWriterWhoLooksWhileAReaderWaits) {
    boost::asio::io_context loop;
    test::Pair pair = test::connected_pair(loop);
    const std::string block(1 << 20, 'x');
    std::size_t sent = 0;
    for (std::size_t taken = 1; taken > 0; sent += taken) {
        taken = pair.a.try_write(test::as_bytes(block)).value();
    }
    std::string heard;
    pair.a.when_writable(std::make_shared<ReadsAll>(pair.a, heard));
    pair.a.when_readable(std::make_shared<ReadsAll>(pair.a, heard));
    std::string said;
    while (said.size() < 500) {
        said += static_cast<char>('a' + said.size() % 23);
    }
    ASSERT_EQ(pair.b.try_write(test::as_bytes(said)).value(), said.size());
    std::array<char, 65536> space{};
    while (sent > 0) {
        const ssize_t taken = ::recv(pair.b.fd(), space.data(), space.size(), 0);
        sent -= taken > 0 ? static_cast<std::size_t>(taken) : 0;
    }
    loop.run_for(5s);
    EXPECT_EQ(heard, said);
}

TEST(PlainStream, TakesLittleMoreThanItsPeerHasRoomFor) {
    boost::asio::io_context loop;
    test::Pair pair = test::connected_pair(loop);
    const std::string block(1 << 20, 'x');
    while (pair.a.try_write(test::as_bytes(block)).value() > 0) {
    }
    int unsent = 0;
    ASSERT_EQ(::ioctl(pair.a.fd(), SIOCOUTQNSD, &unsent), 0);
    EXPECT_GT(unsent, 0);
    EXPECT_LE(unsent, 256 << 10) << "the bound, and a segment";
}

awaitable<void> read_until_cut(PlainStream& stream, std::chrono::milliseconds timeout, bool& has_passed,
                               Code& code) {
    const DeadlineTimer deadline(stream.executor(), timeout, [&stream] { stream.close(); });
    std::vector<unsigned char> buffer(10);
    const auto got = co_await stream.read_some(buffer);
    has_passed = deadline.has_passed();
    code = !got ? got.error().code : Code::internal;
}

TEST(DeadlineTimer, CutsAReadThatWaits) {
    boost::asio::io_context loop;
    test::Pair pair = test::connected_pair(loop);
    bool has_passed = false;
    Code code = Code::internal;
    test::run(loop, read_until_cut(pair.a, 30ms, has_passed, code));
    EXPECT_TRUE(has_passed);
    EXPECT_EQ(code, Code::cancelled);
}

TEST(DeadlineTimer, LeavesAloneWhatWasInTime) {
    boost::asio::io_context loop;
    test::Pair pair = test::connected_pair(loop);
    bool has_passed = false;
    Code code = Code::io_failed;
    ASSERT_EQ(::send(pair.b.fd(), "x", 1, 0), 1);
    test::run(loop, read_until_cut(pair.a, 10s, has_passed, code));
    EXPECT_FALSE(has_passed);
    EXPECT_EQ(code, Code::internal);
    EXPECT_TRUE(pair.a.is_open());
}

awaitable<void> wait_twice(PlainStream& stream, std::vector<Code>& codes) {
    for (int i = 0; i < 2; ++i) {
        const auto ready = co_await stream.wait_readable();
        codes.push_back(!ready ? ready.error().code : Code::internal);
    }
}

awaitable<void> wake_then_send(PlainStream& waiting, PlainStream& peer) {
    boost::asio::steady_timer timer(waiting.executor(), 20ms);
    co_await timer.async_wait(boost::asio::use_awaitable);
    waiting.wake();
    timer.expires_after(20ms);
    co_await timer.async_wait(boost::asio::use_awaitable);
    const std::string byte = "x";
    co_await peer.write_all(test::as_bytes(byte));
}

TEST(PlainStream, IsGoodAfterAWake) {
    boost::asio::io_context loop;
    test::Pair pair = test::connected_pair(loop);
    std::vector<Code> codes;
    test::run_both(loop, wait_twice(pair.a, codes), wake_then_send(pair.a, pair.b));
    EXPECT_EQ(codes, (std::vector<Code>{Code::cancelled, Code::internal}));
}

awaitable<void> refuse(PlainStream& server) {
    const std::string answer = "HTTP/1.1 403 Forbidden\r\n\r\n";
    co_await server.write_all(test::as_bytes(answer));
    co_await lingering_close(server, 5s);
}

awaitable<void> talk_on(PlainStream& client, std::string& answer) {
    const std::string much(200'000, 'x');
    co_await client.write_all(test::as_bytes(much));
    answer = co_await test::read_to_end(client);
    client.close();
}

TEST(Linger, LetsThePeerReadTheAnswerToWhatWasNotRead) {
    boost::asio::io_context loop;
    test::Pair pair = test::connected_pair(loop);
    std::string answer;
    test::run_both(loop, refuse(pair.a), talk_on(pair.b, answer));
    EXPECT_EQ(answer, "HTTP/1.1 403 Forbidden\r\n\r\n");
}

TEST(PendingConnections, CutsTheOldestForTheNewest) {
    PendingConnections pending(2);
    std::vector<int> cut;
    auto one = pending.enter([&cut] { cut.push_back(1); });
    auto two = pending.enter([&cut] { cut.push_back(2); });
    auto three = pending.enter([&cut] { cut.push_back(3); });
    EXPECT_EQ(cut, std::vector<int>{1});
    EXPECT_TRUE(one.was_evicted());
    EXPECT_FALSE(two.was_evicted());
    EXPECT_EQ(pending.size(), 2u);
    EXPECT_EQ(pending.evictions(), 1u);
}

TEST(PendingConnections, CutsNobodyWhoHasProvenItself) {
    PendingConnections pending(2);
    std::vector<int> cut;
    auto one = pending.enter([&cut] { cut.push_back(1); });
    auto two = pending.enter([&cut] { cut.push_back(2); });
    one.leave();
    two = PendingConnections::Ticket();
    EXPECT_EQ(pending.size(), 0u);
    for (int i = 3; i < 10; ++i) {
        auto more = pending.enter([&cut, i] { cut.push_back(i); });
    }
    EXPECT_TRUE(cut.empty());
    EXPECT_FALSE(one.was_evicted());
}

TEST(PendingConnections, CutsTheOldestOfTheAddressThatHasTheMost) {
    PendingConnections pending(4);
    std::vector<std::string> cut;
    const auto enter = [&](const std::string& name, const std::string& key) {
        return pending.enter([&cut, name] { cut.push_back(name); }, key);
    };
    auto good = enter("good", "192.0.2.1");
    std::vector<PendingConnections::Ticket> flood;
    for (int i = 1; i <= 5; ++i) {
        flood.push_back(enter("flood " + std::to_string(i), "192.0.2.66"));
    }
    EXPECT_EQ(cut, (std::vector<std::string>{"flood 1", "flood 2"})) << "and not the oldest of all";
    auto other = enter("other", "192.0.2.2");
    EXPECT_EQ(cut.back(), "flood 3");
    EXPECT_FALSE(good.was_evicted());
    EXPECT_TRUE(flood.front().was_evicted());
    EXPECT_TRUE(pending.cut_oldest());
    EXPECT_EQ(cut.back(), "flood 4");
}

TEST(PendingConnections, KnowsTheMostThatThereWereSinceItWasAsked) {
    PendingConnections pending(10);
    {
        const auto one = pending.enter([] {});
        const auto two = pending.enter([] {});
    }
    const auto three = pending.enter([] {});
    EXPECT_EQ(pending.take_most(), 2u);
    EXPECT_EQ(pending.take_most(), 1u);
}

TEST(PendingConnections, LeavesPlacesToOtherAddresses) {
    PendingConnections pending(4, 2);
    std::vector<int> cut;
    const auto one = pending.enter([&cut] { cut.push_back(1); }, "192.0.2.66");
    const auto two = pending.enter([&cut] { cut.push_back(2); }, "192.0.2.66");
    const auto three = pending.enter([&cut] { cut.push_back(3); }, "192.0.2.66");
    EXPECT_EQ(cut, std::vector<int>{1}) << "though places are left";
    const auto four = pending.enter([&cut] { cut.push_back(4); }, "192.0.2.1");
    EXPECT_EQ(cut.size(), 1u);
    EXPECT_EQ(pending.size(), 3u);
}

TEST(PendingConnections, MayGoBeforeItsTickets) {
    PendingConnections::Ticket ticket;
    {
        PendingConnections pending(1);
        ticket = pending.enter([] {});
    }
    ticket.leave();
}

TEST(ConnectionSlots, BoundsAllAndEachKey) {
    ConnectionSlots slots(3, 2);
    auto a = slots.take("alice");
    auto b = slots.take("alice");
    EXPECT_EQ(slots.take("alice").error().code, Code::limit_reached);
    auto c = slots.take("bob");
    ASSERT_TRUE(c.has_value());
    EXPECT_EQ(slots.take("carol").error().code, Code::limit_reached);
    EXPECT_EQ(slots.size(), 3u);
    a.value() = ConnectionSlots::Slot();
    EXPECT_EQ(slots.size(), 2u);
    EXPECT_TRUE(slots.take("alice").has_value());
    slots.set_bounds(0, 0);
    auto d = slots.take("alice");
    auto e = slots.take("alice");
    EXPECT_EQ(slots.size(), 4u);
}

TEST(ConnectionSlots, TakesAnIpv6NetworkForOneAddress) {
    EXPECT_EQ(address_key("192.0.2.1"), "192.0.2.1");
    EXPECT_EQ(address_key("2001:db8::1"), address_key("2001:db8::ffff:2"));
    EXPECT_NE(address_key("2001:db8::1"), address_key("2001:db8:0:1::1"));
    EXPECT_NE(address_key("::ffff:192.0.2.1"), address_key("::ffff:192.0.2.2"));
}

TEST(BorrowedBuffer, ComesBackToItsThread) {
    unsigned char* first = nullptr;
    {
        BorrowedBuffer buffer;
        first = buffer.bytes().data();
    }
    BorrowedBuffer again;
    EXPECT_EQ(again.bytes().data(), first);
}

awaitable<void> throw_something() {
    throw std::runtime_error("a bug");
    co_return;
}

awaitable<void> set(std::atomic<bool>& flag) {
    flag = true;
    co_return;
}

TEST(EventLoops, OutliveASessionThatThrows) {
    EventLoops loops(1);
    std::atomic<bool> has_run = false;
    spawn(loops.at(0), "test", throw_something());
    spawn(loops.at(0), "test", set(has_run));
    loops.start();
    while (!has_run) {
        std::this_thread::yield();
    }
    loops.stop();
}

}  // namespace
}  // namespace postern::net

// Sockets, listeners, deadlines, and the bounds on how many may come.
#include <dlfcn.h>
#include <linux/filter.h>
#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <string_view>
#include <thread>

#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <gtest/gtest.h>

#include "base/unique_fd.hpp"
#include "net/buffer_pool.hpp"
#include "net/connection_slots.hpp"
#include "net/deadline.hpp"
#include "net/linger.hpp"
#include "net/listener.hpp"
#include "net/pending_connections.hpp"
#include "support/net_fixture.hpp"

namespace {
std::atomic<int> slow_lookups = 0;
}  // namespace

/// In place of the C library's: names in slow.test take their time, as where no name server answers.
extern "C" int getaddrinfo(const char* node, const char* service, const addrinfo* hints, addrinfo** found) {
    if (node != nullptr && std::string_view(node).ends_with(".slow.test")) {
        ++slow_lookups;
        std::this_thread::sleep_for(std::chrono::milliseconds(600));
        return EAI_AGAIN;
    }
    static const auto real = reinterpret_cast<decltype(&::getaddrinfo)>(::dlsym(RTLD_NEXT, "getaddrinfo"));
    return real(node, service, hints, found);
}

namespace postern::net {
namespace {

using namespace std::chrono_literals;
using boost::asio::awaitable;

TEST(Address, ReadsWhatPeopleWrite) {
    EXPECT_EQ(parse_address("db.example.org:5432").value().host, "db.example.org");
    EXPECT_EQ(parse_address("[::1]:5432").value().host, "::1");
    EXPECT_EQ(parse_address("[::1]:5432").value().text(), "[::1]:5432");
    EXPECT_EQ(parse_address("127.0.0.1:0").value().port, "0");
    EXPECT_TRUE(parse_address("unix:/run/x.sock").value().is_unix);
    EXPECT_EQ(parse_address("unix:/run/x.sock").value().text(), "unix:/run/x.sock");
}

TEST(Address, RefusesTheRest) {
    for (const char* text : {"", "host", "host:", ":5432", "host:99999", "host:12x", "::1:5432", "[::1]",
                             "[x]:1", "unix:", "a b:1", "a/b:1", "host:-1", "host:000000"}) {
        EXPECT_TRUE(parse_address(text).has_error()) << text;
    }
    EXPECT_TRUE(parse_address("unix:/" + std::string(200, 'x')).has_error());
}

awaitable<void> dial_and_keep(Address address, std::chrono::milliseconds patience,
                              std::optional<Result<PlainStream>>& out) {
    Result<PlainStream> dialled = co_await dial(std::move(address), patience);
    out.emplace(std::move(dialled));
}

Code dial_failure(const std::string& address, std::chrono::milliseconds patience) {
    boost::asio::io_context loop;
    std::optional<Result<PlainStream>> out;
    test::run(loop, dial_and_keep(parse_address(address).value(), patience, out));
    return out->has_error() ? out->error().code : Code::internal;
}

TEST(Dial, SaysWhyItCouldNot) {
    boost::asio::io_context loop;
    unsigned short port = 0;
    {
        const Listener gone = Listener::bind(parse_address("127.0.0.1:0").value()).value();
        port = gone.port();
    }
    EXPECT_EQ(dial_failure("127.0.0.1:" + std::to_string(port), 5s), Code::unreachable);
    EXPECT_EQ(dial_failure("no-such-host.invalid:1", 10s), Code::unreachable);
    EXPECT_EQ(dial_failure("unix:/nowhere/at/all", 5s), Code::unreachable);
}

TEST(Dial, GivesUpWhenTheListenersQueueIsFull) {
    // A queue that nobody accepts from: the kernel drops what comes on top of it.
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const boost::asio::ip::tcp::endpoint any(boost::asio::ip::address_v4::loopback(), 0);
    ASSERT_EQ(::bind(fd, any.data(), static_cast<socklen_t>(any.size())), 0);
    ASSERT_EQ(::listen(fd, 0), 0);
    const Listener listener = Listener::adopt(fd);
    boost::asio::io_context loop;
    std::vector<UniqueFd> fillers;
    const boost::asio::ip::tcp::endpoint endpoint(boost::asio::ip::address_v4::loopback(), listener.port());
    for (int i = 0; i < 4; ++i) {
        fillers.emplace_back(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
        (void)::connect(fillers.back().get(), endpoint.data(), static_cast<socklen_t>(endpoint.size()));
    }
    std::this_thread::sleep_for(50ms);
    const auto start = std::chrono::steady_clock::now();
    EXPECT_EQ(dial_failure("127.0.0.1:" + std::to_string(listener.port()), 200ms), Code::timed_out);
    EXPECT_LT(std::chrono::steady_clock::now() - start, 3s);
}

TEST(Dial, ALookUpThatNobodyWaitsForAnyMoreTakesNoTurn) {
    const Listener listener = Listener::bind(parse_address("127.0.0.1:0").value()).value();
    boost::asio::io_context loop;
    std::array<std::optional<Result<PlainStream>>, 5> late;
    std::vector<awaitable<void>> dials;
    for (auto& out : late) {
        dials.push_back(dial_and_keep(parse_address("db.slow.test:1").value(), 100ms, out));
    }
    slow_lookups = 0;
    test::run_all(loop, std::move(dials));
    for (const auto& out : late) {
        EXPECT_EQ(out->error().code, Code::timed_out);
    }
    std::optional<Result<PlainStream>> next;
    Address address{"localhost", std::to_string(listener.port())};
    test::run(loop, dial_and_keep(std::move(address), 20s, next));
    EXPECT_TRUE(next->has_value());
    EXPECT_EQ(slow_lookups, 1) << "the one that was under way";
}

/// Connections to a Unix socket until no more fit into its queue.
std::vector<UniqueFd> fill(const boost::asio::local::stream_protocol::endpoint& endpoint) {
    std::vector<UniqueFd> fillers;
    for (bool fits = true; fits && fillers.size() < 100;) {
        fillers.emplace_back(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
        fits = ::connect(fillers.back().get(), endpoint.data(), static_cast<socklen_t>(endpoint.size())) == 0;
    }
    return fillers;
}

TEST(Dial, WaitsForAPlaceInTheQueueOfAUnixSocket) {
    const std::string path = testing::TempDir() + "/postern_full_test.sock";
    std::filesystem::remove(path);
    const UniqueFd listener(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const boost::asio::local::stream_protocol::endpoint endpoint(path);
    ASSERT_EQ(::bind(listener.get(), endpoint.data(), static_cast<socklen_t>(endpoint.size())), 0);
    ASSERT_EQ(::listen(listener.get(), 0), 0);
    const auto fillers = fill(endpoint);
    const auto start = std::chrono::steady_clock::now();
    EXPECT_EQ(dial_failure("unix:" + path, 200ms), Code::timed_out);
    EXPECT_LT(std::chrono::steady_clock::now() - start, 3s);
    boost::asio::io_context loop;
    std::optional<Result<PlainStream>> out;
    std::optional<UniqueFd> accepted;
    boost::asio::steady_timer timer(loop, 50ms);
    timer.async_wait([&](const boost::system::error_code&) {
        accepted.emplace(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
    });
    test::run(loop, dial_and_keep(parse_address("unix:" + path).value(), 20s, out));
    EXPECT_TRUE(accepted.has_value()) << "there was no room before";
    ASSERT_TRUE(out->has_value());
    EXPECT_EQ(out->value().try_write(test::as_bytes(std::string("x"))).value(), 1U);
    std::filesystem::remove(path);
}

/// Messages of those sizes, each read with buffers of that size, as it comes.
awaitable<void> exchange(test::Pair& pair, std::vector<std::size_t> sizes, std::size_t buffer_size) {
    std::vector<unsigned char> block(buffer_size);
    const Buffer into(block);
    for (const std::size_t size : sizes) {
        std::string message(size, '\0');
        for (std::size_t i = 0; i < size; ++i)
            message[i] = static_cast<char>(i * 7 + size);
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
        ASSERT_TRUE(got.has_error());
        EXPECT_EQ(got.error().code, Code::end_of_stream);
    }
}

TEST(Dial, ReachesAListenerOnEachLoop) {
    EventLoops loops(2);
    std::atomic<int> served = 0;
    Listener listener = Listener::bind(parse_address("127.0.0.1:0").value()).value();
    const unsigned short port = listener.port();
    listener.accept_on(loops, [&served](boost::asio::io_context&, std::size_t, PlainStream stream) {
        EXPECT_EQ(stream.remote().address, "127.0.0.1");
        ++served;
    });
    loops.start();
    boost::asio::io_context loop;
    for (int i = 0; i < 50; ++i) {
        std::optional<Result<PlainStream>> out;
        test::run(loop, dial_and_keep(parse_address("localhost:" + std::to_string(port)).value(), 5s, out));
        ASSERT_TRUE(out->has_value()) << out->error().detail;
        EXPECT_EQ(out->value().remote().port, port);
    }
    while (served < 50) {
        std::this_thread::yield();
    }
    listener.stop();
    // The loops close their doors one after the other.
    for (int i = 0; i < 500; ++i) {
        std::optional<Result<PlainStream>> out;
        test::run(loop, dial_and_keep(parse_address("127.0.0.1:" + std::to_string(port)).value(), 5s, out));
        if (out->has_error()) break;
        std::this_thread::sleep_for(10ms);
    }
    EXPECT_EQ(dial_failure("127.0.0.1:" + std::to_string(port), 5s), Code::unreachable);
    loops.stop();
}

TEST(Listener, RefusesAPortThatIsTaken) {
    const Listener first = Listener::bind(parse_address("127.0.0.1:0").value()).value();
    const auto second = Listener::bind(parse_address("127.0.0.1:" + std::to_string(first.port())).value());
    ASSERT_TRUE(second.has_error());
    EXPECT_EQ(second.error().code, Code::already_exists);
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

awaitable<void> wait_for_bytes(ByteStream& stream, std::optional<Code>& failure) {
    const auto ready = co_await stream.wait_readable();
    if (ready.has_error()) failure = ready.error().code;
}

TEST(PlainStream, AWaitThatBeginsAfterACancelFails) {
    boost::asio::io_context loop;
    test::Pair pair = test::connected_pair(loop);
    std::optional<Code> cancelled;
    pair.a.cancel();
    test::run(loop, wait_for_bytes(pair.a, cancelled));
    EXPECT_EQ(cancelled, Code::cancelled);
    std::optional<Code> closed;
    pair.b.close();
    test::run(loop, wait_for_bytes(pair.b, closed));
    EXPECT_EQ(closed, Code::cancelled);
    EXPECT_EQ(pair.a.try_write(test::as_bytes(std::string("x"))).error().code, Code::cancelled);
}

TEST(PlainStream, WritesAtOnceWhatFitsAndSaysHowMuch) {
    boost::asio::io_context loop;
    test::Pair pair = test::connected_pair(loop);
    const std::string much(64 << 20, 'x');
    const auto sent = pair.a.try_write(test::as_bytes(much));
    ASSERT_TRUE(sent.has_value());
    EXPECT_GT(sent.value(), 0U);
    EXPECT_LT(sent.value(), much.size());
    const std::string more(1 << 20, 'y');
    EXPECT_EQ(pair.a.try_write(test::as_bytes(more)).value(), 0U);
}

/// Whether the connection was lost meanwhile; what was still on its way does not count.
bool is_lost_within(PlainStream& stream, std::chrono::milliseconds patience) {
    const auto end = std::chrono::steady_clock::now() + patience;
    pollfd one{stream.fd(), 0, 0};
    return ::poll(&one, 1, static_cast<int>(patience.count())) > 0 && std::chrono::steady_clock::now() < end;
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
    test::run(loop, wait_for_bytes(pair.a, failure));
    std::array<unsigned char, 1> byte{};
    EXPECT_EQ(pair.a.try_read(byte).error().code, Code::end_of_stream);
}

TEST(AnswerWatch, IsOfWhatIsOwedAllTheTimeAlone) {
    const std::chrono::steady_clock::time_point begin{};
    const PeerAnswers nothing{false, 7};
    const PeerAnswers owed{true, 7};
    const PeerAnswers heard{true, 8};
    AnswerWatch watch;
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

bool falls_silent(PlainStream& stream, std::chrono::milliseconds patience, std::chrono::milliseconds end) {
    AnswerWatch watch;
    for (const auto until = std::chrono::steady_clock::now() + end;
         std::chrono::steady_clock::now() < until;) {
        if (watch.is_silent(stream.answers(), std::chrono::steady_clock::now(), patience)) {
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
    pair.a.give_up();
    std::array<unsigned char, 1> byte{};
    EXPECT_EQ(pair.a.try_read(byte).value(), 0U);
}

awaitable<void> read_until_cut(PlainStream& stream, std::chrono::milliseconds patience, bool& has_passed,
                               Code& code) {
    const Deadline deadline(stream.executor(), patience, [&stream] { stream.close(); });
    std::vector<unsigned char> buffer(10);
    const auto got = co_await stream.read_some(buffer);
    has_passed = deadline.has_passed();
    code = got.has_error() ? got.error().code : Code::internal;
}

TEST(Deadline, CutsAReadThatWaits) {
    boost::asio::io_context loop;
    test::Pair pair = test::connected_pair(loop);
    bool has_passed = false;
    Code code = Code::internal;
    test::run(loop, read_until_cut(pair.a, 30ms, has_passed, code));
    EXPECT_TRUE(has_passed);
    EXPECT_EQ(code, Code::cancelled);
}

TEST(Deadline, LeavesAloneWhatWasInTime) {
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
        codes.push_back(ready.has_error() ? ready.error().code : Code::internal);
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
    co_await linger_and_close(server, 5s);
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

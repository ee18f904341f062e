// A line with a relay in its middle, and who speaks and listens at its ends.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <gtest/gtest.h>

#include "net/relay.hpp"
#include "support/net_fixture.hpp"

namespace postern::net {

using namespace std::chrono_literals;
using boost::asio::awaitable;

inline std::string noise(std::size_t size, unsigned seed) {
    std::string text(size, '\0');
    std::uint32_t x = seed;
    for (char& c : text) {
        x = x * 1664525 + 1013904223;
        c = static_cast<char>(x >> 24);
    }
    return text;
}

inline awaitable<void> pause(boost::asio::any_io_executor executor, std::chrono::milliseconds time) {
    boost::asio::steady_timer timer(executor, time);
    co_await timer.async_wait(boost::asio::use_awaitable);
}

inline awaitable<void> send_all(ByteStream& stream, std::string bytes) {
    const auto written = co_await stream.write_all(test::as_bytes(bytes));
    EXPECT_TRUE(written.has_value());
    const auto ended = co_await stream.shutdown_send();
    EXPECT_TRUE(ended.has_value());
}

inline awaitable<void> receive_all(ByteStream& stream, std::string& into) {
    into = co_await test::read_to_end(stream);
}

inline awaitable<void> run_relay(ByteStream& a, ByteStream& b, RelayOptions options, RelayEnd& end) {
    end = co_await relay(a, b, options);
    a.close();
    b.close();
}

/// client <-> [a relay b] <-> backend, all plain.
struct Line {
    boost::asio::io_context loop;
    test::Pair left = test::connected_pair(loop);
    test::Pair right = test::connected_pair(loop);
    PlainStream& client = left.a;
    PlainStream& a = left.b;
    PlainStream& b = right.a;
    PlainStream& backend = right.b;
    RelayEnd end;

    void run(std::vector<awaitable<void>> sessions, RelayOptions options = {}) {
        sessions.push_back(run_relay(a, b, options, end));
        test::run_all(loop, std::move(sessions));
    }
};

template <class... Session>
std::vector<awaitable<void>> all(Session... session) {
    std::vector<awaitable<void>> sessions;
    (sessions.push_back(std::move(session)), ...);
    return sessions;
}

}  // namespace postern::net

// Coroutines over real sockets on the loopback, for unit tests of what is built on common/net.
#pragma once

#include <array>
#include <chrono>
#include <exception>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>

#include "net/byte_stream.hpp"
#include "net/plain_stream.hpp"
#include "net/tls_context.hpp"
#include "support/odd_certificates.hpp"

namespace postern::test {

/// Runs coroutines on one loop until all have ended, and rethrows what one of them threw. Throws when they do
/// not end within `timeout`.
inline void run_all(boost::asio::io_context& loop, std::vector<boost::asio::awaitable<void>> sessions,
                    std::chrono::seconds timeout = std::chrono::seconds(60)) {
    std::size_t running = sessions.size();
    std::exception_ptr thrown;
    for (auto& session : sessions) {
        boost::asio::co_spawn(loop, std::move(session), [&](std::exception_ptr exception) {
            if (exception && !thrown) {
                thrown = exception;
            }
            --running;
        });
    }
    const auto end = std::chrono::steady_clock::now() + timeout;
    loop.restart();
    while (running > 0 && std::chrono::steady_clock::now() < end) {
        loop.run_one_until(end);
    }
    if (thrown) {
        std::rethrow_exception(thrown);
    }
    if (running > 0) {
        throw std::runtime_error("the coroutines did not end");
    }
}

inline void run(boost::asio::io_context& loop, boost::asio::awaitable<void> session) {
    std::vector<boost::asio::awaitable<void>> sessions;
    sessions.push_back(std::move(session));
    run_all(loop, std::move(sessions));
}

inline void run_both(boost::asio::io_context& loop, boost::asio::awaitable<void> one,
                     boost::asio::awaitable<void> two) {
    std::vector<boost::asio::awaitable<void>> sessions;
    sessions.push_back(std::move(one));
    sessions.push_back(std::move(two));
    run_all(loop, std::move(sessions));
}

/// The two ends of a TCP connection.
struct Pair {
    net::PlainStream a;
    net::PlainStream b;
};

inline Pair connected_pair(boost::asio::io_context& loop) {
    namespace ip = boost::asio::ip;
    ip::tcp::acceptor acceptor(loop, ip::tcp::endpoint(ip::address_v4::loopback(), 0));
    ip::tcp::socket a(loop);
    a.connect(acceptor.local_endpoint());
    ip::tcp::socket b = acceptor.accept();
    return Pair{net::PlainStream(std::move(a)), net::PlainStream(std::move(b))};
}

inline net::Bytes as_bytes(const std::string& text) {
    return net::Bytes(reinterpret_cast<const unsigned char*>(text.data()), text.size());
}

/// Waits until the stream can be read. Sets `failure` when the wait ends with one.
inline boost::asio::awaitable<void> wait_for_bytes(net::ByteStream& stream, std::optional<Code>& failure) {
    const auto ready = co_await stream.wait_readable();
    if (!ready) {
        failure = ready.error().code;
    }
}

/// Reads until the orderly end; throws on a failure.
inline boost::asio::awaitable<std::string> read_to_end(net::ByteStream& stream) {
    std::string all;
    std::vector<unsigned char> buffer(64 * 1024);
    for (;;) {
        const auto got = co_await stream.read_some(buffer);
        if (!got) {
            throw std::runtime_error("read: " + got.error().detail);
        }
        if (got.value() == 0) {
            co_return all;
        }
        all.append(reinterpret_cast<const char*>(buffer.data()), got.value());
    }
}

/// What a stream has said up to its end, and the failure if it ended with one.
struct Heard {
    std::string text;
    std::optional<Code> failure;
};

inline boost::asio::awaitable<void> hear(net::ByteStream& stream, Heard& heard) {
    std::array<unsigned char, 64> block{};
    const net::Buffer into(block);
    for (;;) {
        const auto got = co_await stream.read_some(into);
        if (!got) {
            heard.failure = got.error().code;
        }
        if (!got || got.value() == 0) {
            co_return;
        }
        heard.text.append(reinterpret_cast<const char*>(block.data()), got.value());
    }
}

/// Reads exactly `size` bytes; throws on a failure or an earlier end.
inline boost::asio::awaitable<std::string> read_exactly(net::ByteStream& stream, std::size_t size) {
    std::string all(size, '\0');
    std::size_t done = 0;
    while (done < size) {
        const net::Buffer space(reinterpret_cast<unsigned char*>(all.data()) + done, size - done);
        const auto got = co_await stream.read_some(space);
        if (!got) {
            throw std::runtime_error("read: " + got.error().detail);
        }
        if (got.value() == 0) {
            throw std::runtime_error("the stream ended early");
        }
        done += got.value();
    }
    co_return all;
}

inline SystemTime test_now() {
    return std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now());
}

/// The authorities that the gateway and the agent of a test trust, and the credentials that they show.
struct TestPki {
    Authority user_ca = make_authority("Test User CA", test_now());
    Authority server_ca = make_authority("Test Server CA", test_now());

    static net::TlsCredentials credentials(const pki::KeyAndCertificate& leaf, const Authority& authority) {
        return net::TlsCredentials{
            leaf.key, {leaf.certificate, authority.issuing.certificate, authority.root.certificate}};
    }
    net::TlsCredentials server(const std::string& uri = "spiffe://example.org/gateway/gw1") const {
        OddProfile profile = login_profile("localhost", test_now());
        profile.groups.clear();
        profile.uris = {uri};
        profile.names = {"localhost", "127.0.0.1"};
        profile.session_id.clear();
        profile.usage = Usage::server_auth;
        return credentials(mint(profile, server_ca.issuing).value(), server_ca);
    }
    net::TlsCredentials login(const OddProfile& profile) const {
        return credentials(mint(profile, user_ca.issuing).value(), user_ca);
    }
    net::TlsCredentials login(const std::string& name = "alice") const {
        return login(login_profile(name, test_now()));
    }
};

/// Returns one TestPki for all cases of a program, because keys are slow to make.
inline TestPki& shared_pki() {
    static TestPki pki;
    return pki;
}

}  // namespace postern::test

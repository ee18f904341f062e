// The relay between TLS and a plain backend, and TLS inside the TLS that it carries.
#include <chrono>
#include <string>

#include "net/nested_tls_stream.hpp"
#include "net/tls_stream.hpp"
#include "pki/digest.hpp"
#include "unit/net_relay_fixture.hpp"

namespace postern::net {
namespace {

/// agent: TLS client; gateway: TLS server relaying to a plain backend.
awaitable<void> gateway(PlainStream socket, TlsContext context, PlainStream& backend, RelayEnd& end) {
    TlsStream tls(std::move(socket), context, TlsStream::Role::server);
    const auto done = co_await tls.handshake();
    EXPECT_TRUE(done.has_value());
    end = co_await relay(tls, backend, RelayOptions{});
}

awaitable<void> agent(TlsStream& tls, bool& is_ready) {
    const auto done = co_await tls.handshake();
    EXPECT_TRUE(done.has_value());
    is_ready = true;
}

awaitable<void> when_ready(bool& is_ready, boost::asio::any_io_executor executor, awaitable<void> then) {
    while (!is_ready) {
        co_await pause(executor, 1ms);
    }
    co_await std::move(then);
}

awaitable<void> send_with_key_updates(TlsStream& tls, SSL* ssl, std::string bytes) {
    const std::size_t step = 1'000'000;
    for (std::size_t at = 0; at < bytes.size(); at += step) {
        EXPECT_EQ(SSL_key_update(ssl, SSL_KEY_UPDATE_REQUESTED), 1);
        const std::string piece = bytes.substr(at, step);
        const auto written = co_await tls.write_all(test::as_bytes(piece));
        EXPECT_TRUE(written.has_value());
    }
    co_await tls.shutdown_send();
}

TlsContext gateway_tls() {
    return TlsContext::server(test::shared_pki().server(), test::shared_pki().user_ca.bundle,
                              ClientCertificate::required)
        .value();
}
TlsContext agent_tls() {
    return TlsContext::client(test::shared_pki().login(), test::shared_pki().server_ca.bundle, "http/1.1")
        .value();
}

void carry_over_tls(bool with_key_updates) {
    Line line;
    const std::string up = noise(20'000'000, 3);
    const std::string down = noise(20'000'000, 4);
    std::string got_up;
    std::string got_down;
    const TlsContext client_context = agent_tls();
    TlsStream tls(std::move(line.client), client_context, TlsStream::Role::client, "localhost");
    bool is_ready = false;
    const auto executor = tls.executor();
    awaitable<void> sender =
        with_key_updates ? send_with_key_updates(tls, tls.native(), up) : send_all(tls, up);
    test::run_all(line.loop,
                  all(agent(tls, is_ready), gateway(std::move(line.a), gateway_tls(), line.b, line.end),
                      when_ready(is_ready, executor, std::move(sender)),
                      when_ready(is_ready, executor, receive_all(tls, got_down)),
                      send_all(line.backend, down), receive_all(line.backend, got_up)));
    EXPECT_EQ(pki::sha256_hex(got_up), pki::sha256_hex(up));
    EXPECT_EQ(pki::sha256_hex(got_down), pki::sha256_hex(down));
    EXPECT_FALSE(line.end.failure) << line.end.failure->detail;
    EXPECT_EQ(line.end.bytes_a_to_b, up.size());
    EXPECT_EQ(line.end.bytes_b_to_a, down.size());
}

TEST(TlsRelay, CarriesMuchBothWaysAtOnceUnchanged) {
    carry_over_tls(false);
}

awaitable<void> say_goodbye_and_listen(PlainStream socket, TlsContext context, std::string& got) {
    TlsStream tls(std::move(socket), context, TlsStream::Role::server);
    const auto done = co_await tls.handshake();
    EXPECT_TRUE(done.has_value());
    co_await tls.shutdown_send();
    got = co_await test::read_to_end(tls);
}

awaitable<void> hear_goodbye_and_send(TlsStream& tls, std::string bytes) {
    const auto done = co_await tls.handshake();
    EXPECT_TRUE(done.has_value());
    co_await test::read_to_end(tls);
    co_await send_with_key_updates(tls, tls.native(), std::move(bytes));
}

TEST(TlsStream, AKeyUpdateAfterItsOwnGoodbyeHurtsNothing) {
    Line line;
    const TlsContext client_context = agent_tls();
    TlsStream tls(std::move(line.client), client_context, TlsStream::Role::client, "localhost");
    const std::string bytes = noise(3'000'000, 5);
    std::string got;
    test::run_both(line.loop, say_goodbye_and_listen(std::move(line.a), gateway_tls(), got),
                   hear_goodbye_and_send(tls, bytes));
    EXPECT_EQ(pki::sha256_hex(got), pki::sha256_hex(bytes));
}

awaitable<void> say_and_go(PlainStream socket, TlsContext context, bool says_goodbye) {
    TlsStream tls(std::move(socket), context, TlsStream::Role::server);
    const auto done = co_await tls.handshake();
    EXPECT_TRUE(done.has_value());
    const std::string last_words = "enough";
    co_await tls.write_all(test::as_bytes(last_words));
    if (says_goodbye) {
        co_await tls.shutdown_send();
    }
    tls.close();
}

awaitable<void> shake(TlsStream& tls) {
    const auto done = co_await tls.handshake();
    EXPECT_TRUE(done.has_value());
}

TEST(TlsStream, WhatThePeerSaidLastIsReadAfterAWriteThatFailed) {
    for (const bool says_goodbye : {true, false}) {
        Line line;
        const TlsContext client_context = agent_tls();
        TlsStream tls(std::move(line.client), client_context, TlsStream::Role::client, "localhost");
        test::run_both(line.loop, say_and_go(std::move(line.a), gateway_tls(), says_goodbye), shake(tls));
        const std::string late = "late";
        while (tls.try_write(test::as_bytes(late)).has_value()) {
        }
        test::Heard heard;
        test::run(line.loop, test::hear(tls, heard));
        EXPECT_EQ(heard.text, "enough");
        EXPECT_EQ(heard.failure, says_goodbye ? std::nullopt : std::optional(Code::end_of_stream));
        EXPECT_TRUE(tls.try_write(test::as_bytes(late)).has_error());
    }
}

TEST(TlsRelay, SurvivesKeyUpdatesInMidTransfer) {
    carry_over_tls(true);
}

awaitable<void> inner_server(PlainStream socket, TlsContext context, std::string bytes, std::string& got) {
    TlsStream tls(std::move(socket), context, TlsStream::Role::server);
    const auto done = co_await tls.handshake();
    EXPECT_TRUE(done.has_value()) << done.error().detail;
    if (!done) {
        co_return;
    }
    got = co_await test::read_to_end(tls);
    co_await tls.write_all(test::as_bytes(bytes));
    co_await tls.shutdown_send();
}

awaitable<void> inner_client(TlsStream& outer, TlsContext context, std::string bytes, std::string& got,
                             bool takes_hello) {
    const auto reached = co_await outer.handshake();
    EXPECT_TRUE(reached.has_value());
    NestedTlsStream inner(outer, context, "localhost");
    if (takes_hello) {
        const auto hello = inner.take_client_hello();
        EXPECT_TRUE(hello.has_value());
        co_await outer.write_all(test::as_bytes(hello.value()));
    }
    const auto done = co_await inner.handshake();
    EXPECT_TRUE(done.has_value()) << done.error().detail;
    if (!done) {
        co_return;
    }
    EXPECT_TRUE(inner.peer().certificate.has_value());
    co_await inner.write_all(test::as_bytes(bytes));
    co_await inner.shutdown_send();
    got = co_await test::read_to_end(inner);
}

void nest(MinimumTls minimum, int server_version, bool takes_hello) {
    Line line;
    const std::string up = noise(5'000'000, 5);
    const std::string down = noise(5'000'000, 6);
    std::string got_up;
    std::string got_down;
    const TlsContext outer_context = agent_tls();
    const TlsContext inner_context =
        TlsContext::client(test::shared_pki().login(), test::shared_pki().server_ca.bundle, "",
                           "P-256:X25519", minimum)
            .value();
    const TlsContext database = gateway_tls();
    SSL_CTX_set_min_proto_version(database.get(), server_version);
    SSL_CTX_set_max_proto_version(database.get(), server_version);
    TlsStream outer(std::move(line.client), outer_context, TlsStream::Role::client, "localhost");
    test::run_all(line.loop, all(gateway(std::move(line.a), gateway_tls(), line.b, line.end),
                                 inner_server(std::move(line.backend), database, down, got_up),
                                 inner_client(outer, inner_context, up, got_down, takes_hello)));
    EXPECT_EQ(pki::sha256_hex(got_up), pki::sha256_hex(up));
    EXPECT_EQ(pki::sha256_hex(got_down), pki::sha256_hex(down));
}

TEST(NestedTls, CarriesTlsInsideTls) {
    nest(MinimumTls::v1_3, TLS1_3_VERSION, false);
    nest(MinimumTls::v1_3, TLS1_3_VERSION, true);
}

TEST(NestedTls, SpeaksTls12WhereItIsAllowed) {
    nest(MinimumTls::v1_2, TLS1_2_VERSION, true);
}

}  // namespace
}  // namespace postern::net

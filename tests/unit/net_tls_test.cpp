// Who gets through a handshake, who is turned away, and that each side learns why.
#include <memory>

#include <gtest/gtest.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "net/deadline_timer.hpp"
#include "net/nested_tls_stream.hpp"
#include "net/tls_algorithms.hpp"
#include "net/tls_stream.hpp"
#include "net/verified_chains.hpp"
#include "support/net_fixture.hpp"

namespace postern::net {
namespace {

using namespace std::chrono_literals;
using test::TestPki;

struct Outcome {
    std::optional<Code> server;
    /// The client's failure, in the handshake or in the first read after it.
    std::optional<Code> client;
    std::optional<std::string> rejected;
    TlsPeer seen_by_server;
};

boost::asio::awaitable<void> serve(PlainStream socket, TlsContext context, Outcome& outcome) {
    TlsStream tls(std::move(socket), context, TlsStream::Role::server);
    const DeadlineTimer deadline(tls.executor(), 10s, [&tls] { tls.close(); });
    const auto done = co_await tls.handshake();
    if (!done) {
        outcome.server = done.error().code;
        if (tls.rejected_certificate()) {
            outcome.rejected = tls.rejected_certificate()->common_name();
        }
        co_return;
    }
    outcome.seen_by_server = tls.peer();
    const std::string hello = "hello";
    co_await tls.write_all(test::as_bytes(hello));
    co_await tls.shutdown_send();
    co_await test::read_to_end(tls);
}

boost::asio::awaitable<void> visit(PlainStream socket, TlsContext context, Outcome& outcome) {
    TlsStream tls(std::move(socket), context, TlsStream::Role::client, "localhost");
    const DeadlineTimer deadline(tls.executor(), 10s, [&tls] { tls.close(); });
    const auto done = co_await tls.handshake();
    if (!done) {
        outcome.client = done.error().code;
        co_return;
    }
    // As the agent does: speak first, so that a refusal meets bytes on their way.
    const std::string request(100'000, 'x');
    const auto written = co_await tls.write_all(test::as_bytes(request));
    if (!written) {
        outcome.client = written.error().code;
        co_return;
    }
    std::vector<unsigned char> buffer(100);
    const auto got = co_await tls.read_some(buffer);
    if (!got) {
        outcome.client = got.error().code;
    }
    co_await tls.shutdown_send();
}

Outcome meet(const TlsContext& server, const TlsContext& client) {
    boost::asio::io_context loop;
    test::Pair pair = test::connected_pair(loop);
    Outcome outcome;
    test::run_both(loop, serve(std::move(pair.a), server, outcome),
                   visit(std::move(pair.b), client, outcome));
    EXPECT_EQ(ERR_peek_error(), 0u) << "OpenSSL's error queue was left dirty";
    return outcome;
}

TlsContext gateway(ClientCertificate rule = ClientCertificate::required) {
    return TlsContext::server(test::shared_pki().server(), test::shared_pki().user_ca.bundle, rule).value();
}

TlsContext agent(const std::optional<TlsCredentials>& own) {
    return TlsContext::client(own, test::shared_pki().server_ca.bundle, "http/1.1").value();
}

TEST(Handshake, LetsInALoginCertificateAndLeavesTheRootOut) {
    const Outcome outcome = meet(gateway(), agent(test::shared_pki().login()));
    EXPECT_EQ(outcome.server, std::nullopt);
    EXPECT_EQ(outcome.client, std::nullopt);
    ASSERT_TRUE(outcome.seen_by_server.certificate);
    EXPECT_EQ(outcome.seen_by_server.certificate->common_name(), "alice");
    EXPECT_EQ(outcome.seen_by_server.chain.size(), 2u);
    EXPECT_EQ(outcome.seen_by_server.verify_result, X509_V_OK);
}

TEST(Handshake, TurnsAwayAClientWithoutCertificate) {
    const Outcome outcome = meet(gateway(), agent(std::nullopt));
    EXPECT_EQ(outcome.server, Code::no_certificate);
    EXPECT_EQ(outcome.client, Code::no_certificate);
}

void expect_refused(const TlsCredentials& shown, Code by_server, Code told_to_client) {
    const Outcome outcome = meet(gateway(), agent(shown));
    EXPECT_EQ(outcome.server, by_server);
    EXPECT_EQ(outcome.client, told_to_client);
    EXPECT_EQ(outcome.rejected, "alice");
}

TEST(Handshake, TurnsAwayAnotherAuthorityOfTheSameName) {
    const test::Authority other = test::make_authority("Test User CA", test::test_now());
    const auto leaf = test::mint(test::login_profile("alice", test::test_now()), other.issuing).value();
    expect_refused(TestPki::credentials(leaf, other), Code::unknown_issuer, Code::unknown_issuer);
}

TEST(Handshake, TurnsAwayTheServerAuthority) {
    const auto leaf =
        test::mint(test::login_profile("alice", test::test_now()), test::shared_pki().server_ca.issuing)
            .value();
    expect_refused(TestPki::credentials(leaf, test::shared_pki().server_ca), Code::unknown_issuer,
                   Code::unknown_issuer);
}

TEST(Handshake, TurnsAwayAnExpiredCertificate) {
    auto profile = test::login_profile("alice", test::test_now() - 2h);
    profile.not_after = test::test_now() - 1min;
    expect_refused(test::shared_pki().login(profile), Code::expired, Code::expired);
}

TEST(Handshake, TurnsAwayACertificateThatIsNotYetValid) {
    auto profile = test::login_profile("alice", test::test_now());
    profile.not_before = test::test_now() + 1h;
    profile.not_after = test::test_now() + 2h;
    expect_refused(test::shared_pki().login(profile), Code::not_yet_valid, Code::not_yet_valid);
}

TEST(Handshake, TurnsAwayAServerCertificateOfTheUserAuthority) {
    auto profile = test::login_profile("alice", test::test_now());
    profile.usage = test::Usage::server_auth;
    expect_refused(test::shared_pki().login(profile), Code::wrong_purpose, Code::wrong_purpose);
}

TEST(Handshake, TurnsAwayACertificateWithoutExtendedKeyUsage) {
    auto profile = test::login_profile("alice", test::test_now());
    profile.usage = test::Usage::none;
    expect_refused(test::shared_pki().login(profile), Code::wrong_purpose, Code::wrong_purpose);
}

TEST(Handshake, TurnsAwayASelfSignedCertificate) {
    const auto leaf = test::mint_self_signed(test::login_profile("alice", test::test_now())).value();
    expect_refused(TlsCredentials{leaf.key, {leaf.certificate}}, Code::self_signed, Code::unknown_issuer);
}

TEST(Handshake, LetsNoCertificateAndAnExpiredOnePassOnlyWhereAsked) {
    const TlsContext ca = gateway(ClientCertificate::optional_and_maybe_expired);
    const Outcome nobody = meet(ca, agent(std::nullopt));
    EXPECT_EQ(nobody.server, std::nullopt);
    EXPECT_FALSE(nobody.seen_by_server.certificate);

    auto profile = test::login_profile("alice", test::test_now() - 2h);
    profile.not_after = test::test_now() - 1min;
    const Outcome expired = meet(ca, agent(test::shared_pki().login(profile)));
    EXPECT_EQ(expired.server, std::nullopt);
    ASSERT_TRUE(expired.seen_by_server.certificate);
    EXPECT_EQ(expired.seen_by_server.verify_result, X509_V_ERR_CERT_HAS_EXPIRED);

    const Outcome fresh = meet(ca, agent(test::shared_pki().login()));
    EXPECT_EQ(fresh.seen_by_server.verify_result, X509_V_OK);

    profile.usage = test::Usage::none;
    EXPECT_EQ(meet(ca, agent(test::shared_pki().login(profile))).server, Code::wrong_purpose);
    const test::Authority other = test::make_authority("Test User CA", test::test_now());
    profile.usage = test::Usage::client_auth;
    const auto leaf = test::mint(profile, other.issuing).value();
    EXPECT_EQ(meet(ca, agent(TestPki::credentials(leaf, other))).server, Code::unknown_issuer);
}

/// As the CA service does it: gateways say who they are when they fetch.
TEST(Handshake, AServerThatCallsIsKnownWhereAskedAndNeverTakenForAPerson) {
    const auto& pki = test::shared_pki();
    const TlsContext ca =
        TlsContext::server(pki.server("spiffe://example.org/ca/ca1"), pki.user_ca.bundle,
                           ClientCertificate::optional_and_maybe_expired, &pki.server_ca.bundle)
            .value();
    for (int i = 0; i < 2; ++i) {
        const Outcome gateway1 = meet(ca, agent(pki.server()));
        EXPECT_EQ(gateway1.server, std::nullopt);
        ASSERT_TRUE(gateway1.seen_by_server.server_certificate);
        EXPECT_EQ(gateway1.seen_by_server.server_certificate->uris().front(),
                  "spiffe://example.org/gateway/gw1");
        EXPECT_FALSE(gateway1.seen_by_server.certificate);
        const Outcome alice = meet(ca, agent(pki.login()));
        EXPECT_TRUE(alice.seen_by_server.certificate);
        EXPECT_FALSE(alice.seen_by_server.server_certificate);
    }
    // Where nobody asked for it, and what is no server's or is of its time no more.
    EXPECT_TRUE(meet(gateway(ClientCertificate::optional_and_maybe_expired), agent(pki.server())).server);
    auto person = test::login_profile("alice", test::test_now());
    const auto of_wrong_authority = test::mint(person, pki.server_ca.issuing).value();
    EXPECT_TRUE(meet(ca, agent(TestPki::credentials(of_wrong_authority, pki.server_ca))).server);
    auto old = test::login_profile("localhost", test::test_now() - 2h);
    old.usage = test::Usage::server_auth;
    old.not_after = test::test_now() - 1min;
    const auto expired = test::mint(old, pki.server_ca.issuing).value();
    EXPECT_TRUE(meet(ca, agent(TestPki::credentials(expired, pki.server_ca))).server);
    const test::Authority other = test::make_authority("Test Server CA", test::test_now());
    old.not_after = test::test_now() + 1h;
    const auto stranger = test::mint(old, other.issuing).value();
    EXPECT_EQ(meet(ca, agent(TestPki::credentials(stranger, other))).server, Code::unknown_issuer);
}

TEST(Handshake, ClientTurnsAwayAServerOfAnotherAuthority) {
    const test::Authority other = test::make_authority("Test Server CA", test::test_now());
    const TlsContext client =
        TlsContext::client(test::shared_pki().login(), other.bundle, "http/1.1").value();
    const Outcome outcome = meet(gateway(), client);
    EXPECT_EQ(outcome.client, Code::unknown_issuer);
    EXPECT_EQ(outcome.server, Code::tls_failed);
}

TEST(Handshake, ClientTurnsAwayALoginCertificateAsServer) {
    const TlsContext posing =
        TlsContext::server(test::shared_pki().login(), test::shared_pki().user_ca.bundle,
                           ClientCertificate::required)
            .value();
    const TlsContext client =
        TlsContext::client(test::shared_pki().login(), test::shared_pki().user_ca.bundle, "http/1.1").value();
    EXPECT_EQ(meet(posing, client).client, Code::wrong_purpose);
}

TEST(Handshake, TurnsAwayTls12) {
    const TlsContext client = agent(test::shared_pki().login());
    SSL_CTX_set_min_proto_version(client.get(), TLS1_2_VERSION);
    SSL_CTX_set_max_proto_version(client.get(), TLS1_2_VERSION);
    const Outcome outcome = meet(gateway(), client);
    EXPECT_EQ(outcome.server, Code::tls_version);
    EXPECT_EQ(outcome.client, Code::tls_version);
}

TEST(Handshake, JudgesEachChainByItselfAlsoWhenAnotherIsKnown) {
    const TlsContext server = gateway();
    const TlsCredentials alice = test::shared_pki().login();
    for (int i = 0; i < 3; ++i) {
        const Outcome outcome = meet(server, agent(alice));
        EXPECT_EQ(outcome.server, std::nullopt);
        EXPECT_EQ(outcome.seen_by_server.certificate->serial(), alice.chain.front().serial());
    }
    auto profile = test::login_profile("alice", test::test_now());
    profile.usage = test::Usage::none;
    EXPECT_EQ(meet(server, agent(test::shared_pki().login(profile))).server, Code::wrong_purpose);
    // Known to one context is not known to another.
    const test::Authority other = test::make_authority("Test User CA", test::test_now());
    const TlsContext stranger =
        TlsContext::server(test::shared_pki().server(), other.bundle, ClientCertificate::required).value();
    EXPECT_EQ(meet(stranger, agent(alice)).server, Code::unknown_issuer);
}

struct SessionFreer {
    void operator()(SSL_SESSION* session) const { SSL_SESSION_free(session); }
};
using SessionPtr = std::unique_ptr<SSL_SESSION, SessionFreer>;

/// Shows the session of before, when there is one, and leaves its own.
boost::asio::awaitable<void> visit_again(PlainStream socket, TlsContext context, SessionPtr& session,
                                         bool& is_reused) {
    TlsStream tls(std::move(socket), context, TlsStream::Role::client, "localhost");
    if (session) {
        SSL_set_session(tls.native(), session.get());
    }
    const auto done = co_await tls.handshake();
    EXPECT_TRUE(done.has_value());
    // Tickets come behind the handshake.
    const std::string hello = co_await test::read_to_end(tls);
    is_reused = SSL_session_reused(tls.native()) == 1;
    session.reset(SSL_get1_session(tls.native()));
    co_await tls.shutdown_send();
}

TEST(Handshake, NeverResumesASession) {
    const TlsContext server = gateway();
    const TlsContext client = agent(test::shared_pki().login());
    SSL_CTX_clear_options(client.get(), SSL_OP_NO_TICKET);
    SSL_CTX_set_session_cache_mode(client.get(), SSL_SESS_CACHE_CLIENT);
    SessionPtr session;
    for (int i = 0; i < 3; ++i) {
        boost::asio::io_context loop;
        test::Pair pair = test::connected_pair(loop);
        Outcome outcome;
        bool is_reused = true;
        test::run_both(loop, serve(std::move(pair.a), server, outcome),
                       visit_again(std::move(pair.b), client, session, is_reused));
        EXPECT_FALSE(is_reused);
        EXPECT_EQ(SSL_SESSION_is_resumable(session.get()), 0);
        EXPECT_TRUE(outcome.seen_by_server.certificate) << "a full handshake proves the certificate again";
    }
}

struct StackFreer {
    void operator()(STACK_OF(X509) * stack) const { sk_X509_free(stack); }
};
using StackPtr = std::unique_ptr<STACK_OF(X509), StackFreer>;

StackPtr stack_of(const std::vector<pki::Certificate>& certificates) {
    StackPtr stack(sk_X509_new_null());
    for (const pki::Certificate& certificate : certificates) {
        sk_X509_push(stack.get(), certificate.get());
    }
    return stack;
}

TEST(Handshake, ConnectionsWithTheSameChainHoldItOnce) {
    const TlsContext server = gateway();
    const TlsContext client = agent(test::shared_pki().login("alice"));
    const Outcome first = meet(server, client);
    const Outcome second = meet(server, client);
    const Outcome other = meet(server, agent(test::shared_pki().login("bob")));
    ASSERT_EQ(first.seen_by_server.chain.size(), 2u);
    ASSERT_EQ(second.seen_by_server.chain.size(), 2u);
    EXPECT_EQ(first.seen_by_server.chain[0].get(), second.seen_by_server.chain[0].get());
    EXPECT_EQ(first.seen_by_server.chain[1].get(), second.seen_by_server.chain[1].get());
    ASSERT_TRUE(other.seen_by_server.certificate);
    EXPECT_EQ(other.seen_by_server.certificate->common_name(), "bob");
}

TEST(VerifiedChains, KnowsAChainOnlyWhileAllOfItIsValid) {
    const TlsCredentials alice = test::shared_pki().login();
    const pki::Certificate& leaf = alice.chain[0];
    const StackPtr whole = stack_of(alice.chain);
    const StackPtr others = stack_of({alice.chain[1]});
    VerifiedChains verified;
    VerifiedChains::Key key{};
    ASSERT_TRUE(VerifiedChains::key_of(leaf.get(), others.get(), key));
    EXPECT_FALSE(verified.contains(key, test::test_now()));
    verified.add(key, whole.get());
    EXPECT_TRUE(verified.contains(key, test::test_now()));
    EXPECT_TRUE(verified.contains(key, leaf.not_after() - 1us));
    EXPECT_FALSE(verified.contains(key, leaf.not_after()));
    EXPECT_TRUE(verified.contains(key, leaf.not_before()));
    EXPECT_FALSE(verified.contains(key, leaf.not_before() - 1s));
}

/// The public key that this context reads in a certificate with it; null when it does not know such keys.
bool reads_key(OSSL_LIB_CTX* context, EVP_PKEY* key) {
    const pki::X509Ptr made(X509_new());
    X509_set_pubkey(made.get(), key);
    unsigned char* der = nullptr;
    const int size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(made.get()), &der);
    const unsigned char* at = der;
    const std::unique_ptr<X509_PUBKEY, pki::Freer<X509_PUBKEY_free>> read(
        X509_PUBKEY_new_ex(context, nullptr));
    X509_PUBKEY* into = read.get();
    const bool is_parsed = d2i_X509_PUBKEY(&into, &at, size) != nullptr;
    OPENSSL_free(der);
    const bool is_read = is_parsed && X509_PUBKEY_get0(read.get()) != nullptr;
    ERR_clear_error();
    return is_read;
}

TEST(TlsAlgorithms, ReadTheKeysThatCertificatesMayHaveAndNoOthers) {
    ASSERT_NE(certificate_algorithms(), nullptr);
    const auto made = [](EVP_PKEY* key) { return pki::EvpKeyPtr(key); };
    EXPECT_TRUE(reads_key(certificate_algorithms(), made(EVP_EC_gen("P-256")).get()));
    EXPECT_TRUE(reads_key(certificate_algorithms(), made(EVP_EC_gen("P-384")).get()));
    EXPECT_TRUE(reads_key(certificate_algorithms(), made(EVP_RSA_gen(2048)).get()));
    EXPECT_TRUE(
        reads_key(certificate_algorithms(), made(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519")).get()));
    const auto exchange = made(EVP_PKEY_Q_keygen(nullptr, nullptr, "X25519"));
    EXPECT_TRUE(reads_key(nullptr, exchange.get()));
    EXPECT_FALSE(reads_key(certificate_algorithms(), exchange.get()));
}

TEST(VerifiedChains, TellsChainsApart) {
    const TlsCredentials alice = test::shared_pki().login("alice");
    const TlsCredentials bob = test::shared_pki().login("bob");
    const StackPtr none = stack_of({});
    const StackPtr issuing = stack_of({alice.chain[1]});
    VerifiedChains::Key one{};
    VerifiedChains::Key two{};
    VerifiedChains::Key three{};
    ASSERT_TRUE(VerifiedChains::key_of(alice.chain[0].get(), issuing.get(), one));
    ASSERT_TRUE(VerifiedChains::key_of(bob.chain[0].get(), issuing.get(), two));
    ASSERT_TRUE(VerifiedChains::key_of(alice.chain[0].get(), none.get(), three));
    EXPECT_NE(one, two);
    EXPECT_NE(one, three);
    VerifiedChains verified;
    const StackPtr whole = stack_of(alice.chain);
    for (std::size_t i = 0; i < VerifiedChains::kMost + 10; ++i) {
        one[8] = static_cast<unsigned char>(i);
        one[9] = static_cast<unsigned char>(i >> 8);
        verified.add(one, whole.get());
    }
    EXPECT_LE(verified.size(), VerifiedChains::kMost);
}

boost::asio::awaitable<void> blurt(PlainStream socket, std::string bytes) {
    co_await socket.write_all(test::as_bytes(bytes));
    co_await socket.shutdown_send();
    std::vector<unsigned char> buffer(1000);
    for (;;) {
        const auto got = co_await socket.read_some(buffer);
        if (!got || got.value() == 0) {
            co_return;
        }
    }
}

std::optional<Code> answer_to(const std::string& bytes) {
    boost::asio::io_context loop;
    test::Pair pair = test::connected_pair(loop);
    Outcome outcome;
    test::run_both(loop, serve(std::move(pair.a), gateway(), outcome), blurt(std::move(pair.b), bytes));
    return outcome.server;
}

TEST(Handshake, TellsOtherProtocolsFromTls) {
    EXPECT_EQ(answer_to("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), Code::not_tls);
    EXPECT_EQ(answer_to("CONNECT orders:5432 HTTP/1.1\r\n\r\n"), Code::not_tls);
    EXPECT_EQ(answer_to(std::string("\0\0\0\x08\x04\xd2\x16\x2f", 8)), Code::not_tls);
    EXPECT_EQ(answer_to(std::string(5000, '\xa5')), Code::not_tls);
    EXPECT_EQ(answer_to(""), Code::end_of_stream);
    EXPECT_EQ(answer_to("\x16\x03\x01"), Code::end_of_stream);
}

}  // namespace
}  // namespace postern::net

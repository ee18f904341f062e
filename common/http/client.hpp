// A blocking HTTPS client for the CA service, for use on a thread of its own; JSON in both directions. It
// uses the streams and coroutines of net on its own event loop, and Beast's parser. What it reads of an
// answer is bounded in size and time, whichever server sends it.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include <boost/asio/awaitable.hpp>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "http/problem.hpp"
#include "net/deadline.hpp"
#include "net/plain_stream.hpp"
#include "net/tls_context.hpp"
#include "pki/trust_bundle.hpp"

namespace postern::http {

/// Connects to the server, directly or through a proxy, until the deadline. Its failure becomes the failure
/// of the call.
using Dial = std::function<boost::asio::awaitable<Result<net::PlainStream>>(net::Address, net::Deadline)>;

/// The server, the trust, and the limits of a client.
struct ClientOptions {
    /// The server's URL, for example "https://ca.example.org:7444", as HttpsUrl::parse() accepts it.
    std::string url;
    /// The server's chain must lead to these roots, and its certificate must contain the URL's host name and
    /// be spiffe://<trust_domain>/ca/… . Empty only for the first contact, which fetches the trust bundles
    /// and verifies them by a fingerprint.
    std::optional<pki::TrustBundle> server_ca;
    std::string trust_domain;
    std::optional<net::TlsCredentials> credentials;
    /// Empty: net::dial(). Awaited on the client's loop.
    Dial dial;
    /// The limit for connecting, including name resolution, and again for the TLS handshake.
    std::chrono::milliseconds connect_timeout = std::chrono::seconds(5);
    /// The limit for sending the request, for receiving the whole answer, and for each pause within the
    /// answer.
    std::chrono::milliseconds answer_timeout = std::chrono::seconds(20);
    /// If this is not 0, the limit for the whole answer grows by the time that the received part of the body
    /// takes at this rate.
    std::size_t least_bytes_per_second = 0;
    /// The most bytes of a body. Heads have a limit of their own (AnswerParser).
    std::size_t longest_answer = 64U << 20;
    /// If set, it is called with each piece of a body; false ends the call with Code::cancelled.
    std::function<bool()> is_wanted;
};

/// A complete answer.
struct ClientAnswer {
    unsigned status = 0;
    std::string body;
    std::string etag;
    /// The server's time (Date). If the server's certificate was verified, it is set only when the
    /// certificate is valid at that time: a server can only claim times for which its certificate was issued.
    std::optional<SystemTime> date;
    /// Set when the status is 400 or above and the body is a problem (RFC 9457).
    std::optional<Problem> problem;
};

/// One connection, which is kept alive between calls. Not thread-safe.
class Client {
public:
    /// Does not connect yet. Fails with Code::config_invalid.
    static Result<Client> make(ClientOptions options);
    Client(Client&&) noexcept;
    Client& operator=(Client&&) noexcept;
    ~Client();

    /// Sends a request and waits for the answer; any HTTP status is an answer. Network failures: unreachable
    /// (also if the connection is lost before the answer is complete) and timed_out, and before TLS is
    /// established end_of_stream, not_tls, tls_version and tls_failed. Trust failures: unknown_issuer,
    /// wrong_server_identity, expired and similar ones, whatever a refused server does next. Exhaustion of
    /// this machine: out_of_resources. request_too_large and malformed_request for an answer that is too long
    /// or not HTTP. A GET is repeated once if the kept-alive connection turns out to be closed.
    Result<ClientAnswer> get(const std::string& path, const std::string& if_none_match = {});
    Result<ClientAnswer> post_json(const std::string& path, const std::string& body);

    /// Whether the last call failed because an authenticated server refused this client's certificate: the
    /// failure's code then describes the client's certificate.
    bool was_certificate_refused() const noexcept;

private:
    struct State;
    explicit Client(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

}  // namespace postern::http

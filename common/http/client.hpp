// The HTTPS client for the CA service: blocking, for a thread of its own. JSON in, JSON out. Underneath it is
// the streams and coroutines of net on an event loop of its own, and Beast's parser; what it reads of an
// answer is bounded in size and in time, whoever gives it.
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
#include "net/plain_stream.hpp"
#include "net/tls_context.hpp"
#include "pki/trust_bundle.hpp"

namespace postern::http {

/// Connects to the server, straight or by another way, within the timeout. Its failure is the call's.
using Dial =
    std::function<boost::asio::awaitable<Result<net::PlainStream>>(net::Address, std::chrono::milliseconds)>;

struct ClientOptions {
    /// "https://ca.example.org:7444": what HttpsUrl::parse() takes.
    std::string url;
    /// The server must chain to this, bear the URL's host name, and be spiffe://<trust_domain>/ca/… . Nothing
    /// only for the pinned first contact, which reads the trust bundles and believes them by fingerprint.
    std::optional<pki::TrustBundle> server_ca;
    std::string trust_domain;
    std::optional<net::TlsCredentials> credentials;
    /// Nothing: net::dial(). Awaited on the client's loop.
    Dial dial;
    /// For the connection, the look-up of the name included; and for TLS.
    std::chrono::milliseconds connect_timeout = std::chrono::seconds(5);
    /// For the question and the whole answer, in whatever pieces it comes; and for each silence in it.
    std::chrono::milliseconds answer_timeout = std::chrono::seconds(20);
    /// Unless it is 0, the whole answer may take longer by as long as what has come of its body may take at
    /// this rate.
    std::size_t least_bytes_per_second = 0;
    /// Of a body. Heads have a bound of their own (AnswerParser).
    std::size_t longest_answer = 64U << 20;
    /// Asked with each piece of a body, if it is set: false ends the call (Code::cancelled).
    std::function<bool()> is_wanted;
};

struct ClientAnswer {
    unsigned status = 0;
    std::string body;
    std::string etag;
    /// The time that the server says it is (Date). Of a server whose certificate was verified only where that
    /// certificate is valid at that time: no server can tell a time beyond what was verified of it.
    std::optional<SystemTime> date;
    /// Set when the status is 400 or more and the body is a problem.
    std::optional<Problem> problem;
};

/// One connection, kept alive between calls. Not thread-safe.
class Client {
public:
    static Result<Client> make(ClientOptions options);
    Client(Client&&) noexcept;
    Client& operator=(Client&&) noexcept;
    ~Client();

    /// Failures of the network: unreachable (also where the connection was lost before the answer was whole),
    /// timed_out; before TLS was up end_of_stream, not_tls, tls_version, tls_failed. Of trust, whatever the
    /// server does after it was refused: unknown_issuer, wrong_server_identity, expired and the like. This
    /// machine's own: out_of_resources. request_too_large and malformed_request for an answer that is too
    /// long or none. A GET is asked once more where the connection that was kept turns out to be lost.
    Result<ClientAnswer> get(const std::string& path, const std::string& if_none_match = {});
    Result<ClientAnswer> post_json(const std::string& path, const std::string& body);

    /// Whether the last call failed on the word of a server that had proven who it is, against this client's
    /// own certificate: the failure's code is then about that one.
    bool was_certificate_refused() const noexcept;

private:
    struct State;
    explicit Client(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

}  // namespace postern::http

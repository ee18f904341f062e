// The HTTPS client for the CA service: blocking, for a thread of its own (cpp-httplib underneath). JSON in,
// JSON out.
// SIGPIPE must be ignored (harden_process() does it): the library writes with write(2).
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "http/problem.hpp"
#include "net/plain_stream.hpp"
#include "net/tls_context.hpp"
#include "pki/trust_bundle.hpp"

namespace postern::http {

/// Another place to connect to than the server itself, and what to do there before TLS with the server
/// begins.
struct Detour {
    net::Address address;
    /// On a connected, non-blocking socket; blocks for no longer than the patience. A failure is the call's
    /// failure.
    std::function<Result<void>(int fd, std::chrono::milliseconds patience)> open;
};

struct ClientOptions {
    /// "https://ca.example.org:7444": what HttpsUrl::parse() takes.
    std::string url;
    /// The server must chain to this, bear the URL's host name, and be spiffe://<trust_domain>/ca/… . Nothing
    /// only for the pinned first contact, which reads the trust bundles and believes them by fingerprint.
    std::optional<pki::TrustBundle> server_ca;
    std::string trust_domain;
    std::optional<net::TlsCredentials> credentials;
    /// Asked once, with the URL's host and port; nothing: straight to the server.
    std::function<Result<std::optional<Detour>>(const net::Address&)> detour;
    std::chrono::milliseconds connect_patience = std::chrono::seconds(5);
    /// For the whole answer, and for each silence in it.
    std::chrono::milliseconds answer_patience = std::chrono::seconds(20);
    /// Unless it is 0, the whole answer may take longer by as long as what has come may take at this rate.
    std::size_t least_bytes_per_second = 0;
    /// Of a body.
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

    /// Failures of the network: unreachable, timed_out, end_of_stream (also before TLS was up), not_tls,
    /// tls_failed; of trust: unknown_issuer, wrong_server_identity, expired and the like; this machine's own:
    /// out_of_resources. request_too_large for a body that is too long. The server's
    /// addresses are tried in turn, within the patience for connecting.
    Result<ClientAnswer> get(const std::string& path, const std::string& if_none_match = {});
    Result<ClientAnswer> post_json(const std::string& path, const std::string& body);

private:
    struct State;
    explicit Client(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

}  // namespace postern::http

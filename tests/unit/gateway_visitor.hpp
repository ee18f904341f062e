// Who stands before the gateway in its tests, a client with blocking TLS or a bare socket, and a small
// backend behind it.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/json.hpp"
#include "base/unique_fd.hpp"
#include "pki/certificate.hpp"
#include "pki/openssl.hpp"
#include "pki/trust_bundle.hpp"

namespace postern::gateway {

/// Polls until the claim holds; false at the end of the timeout.
bool eventually(const std::function<bool()>& claim,
                std::chrono::milliseconds timeout = std::chrono::seconds(20));

/// A socket connected to 127.0.0.1 from the address `from`. Reading gives up after 20 seconds.
UniqueFd connect_to(unsigned short port, const char* from = "127.0.0.1");

/// A listening socket that nobody accepts from: the kernel does, and nothing ever answers. With `answer`, a
/// thread accepts, reads eight bytes and sends it; then it echoes, closes, or resets the connection.
class SmallBackend {
public:
    enum class After { echoes, closes, resets };
    explicit SmallBackend(std::string answer = {}, After after = After::echoes);
    ~SmallBackend();
    SmallBackend(const SmallBackend&) = delete;
    SmallBackend& operator=(const SmallBackend&) = delete;
    unsigned short port() const { return port_; }
    /// Where there is no answer: the next connection, whose reading gives up after 20 seconds. The caller is
    /// the backend then.
    UniqueFd accept_one() const;
    /// Connections that ended with a reset, of those that it echoed.
    int resets() const { return resets_; }

private:
    void serve();

    UniqueFd listener_;
    unsigned short port_ = 0;
    std::string answer_;
    After after_;
    std::atomic<int> resets_ = 0;
    std::thread thread_;
};

/// The settings of a plain OpenSSL client; without certificates it shows none.
class ClientContext {
public:
    ClientContext(const std::vector<pki::Certificate>& chain, EVP_PKEY* key,
                  const pki::TrustBundle& server_ca);
    SSL_CTX* get() const { return context_.get(); }

private:
    pki::SslCtxPtr context_;
};

/// A client with blocking TLS.
class Visitor {
public:
    Visitor(unsigned short port, const ClientContext& context, const char* from = "127.0.0.1");
    bool is_greeted() const { return is_greeted_; }
    void send(std::string_view text);
    void shut_down();
    /// Closes at once with a reset; good for nothing else after.
    void reset();
    /// Up to `size` bytes; fewer at the end.
    std::string read(std::size_t size);
    bool is_closed() { return read(1).empty(); }
    /// Whether TLS said goodbye (close_notify), not only the socket.
    bool was_told_of_end() const { return (SSL_get_shutdown(ssl_.get()) & SSL_RECEIVED_SHUTDOWN) != 0; }

    /// Head and body of an answer with Content-Length.
    struct Answer {
        unsigned status = 0;
        std::string head;
        std::string body;
        nlohmann::json json() const { return parse_json(body); }
        std::string field(const std::string& name) const;
    };
    Answer answer();
    Answer ask(const std::string& request_line, const std::string& fields = {},
               const std::string& early = {});

private:
    std::string read_head();

    UniqueFd fd_;
    pki::SslPtr ssl_;
    bool is_greeted_ = false;
};

}  // namespace postern::gateway

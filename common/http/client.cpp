#include "http/client.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/asio/ip/address.hpp>
#include <httplib.h>
#include <openssl/err.h>
#include <openssl/x509_vfy.h>

#include "base/exhaustion.hpp"
#include "base/process.hpp"
#include "http/http_date.hpp"
#include "http/https_url.hpp"
#include "net/plain_stream.hpp"
#include "net/resolver.hpp"
#include "net/tls_engine.hpp"
#include "pki/identity.hpp"
#include "pki/validity.hpp"

namespace postern::http {

namespace {

using SteadyTime = std::chrono::steady_clock::time_point;

std::pair<time_t, time_t> split(std::chrono::milliseconds all) {
    return {all.count() / 1000, all.count() % 1000 * 1000};
}

/// The server closes idle connections after a while; one that is about to is not used again.
constexpr auto kReusableFor = std::chrono::seconds(10);

bool is_ip_address(const std::string& text) {
    boost::system::error_code error;
    boost::asio::ip::make_address(text, error);
    return !error;
}

}  // namespace

struct Client::State {
    State(ClientOptions its_options, net::Address its_address, std::optional<Detour> its_detour)
        : options(std::move(its_options)),
          address(std::move(its_address)),
          detour(std::move(its_detour)),
          client(detour ? detour->address.host : address.host,
                 std::stoi(detour ? detour->address.port : address.port)) {}

    static int verify(X509_STORE_CTX* store, void* argument);
    static void note_progress(const SSL* ssl, int where, int value);
    void take_detour(SSL* ssl);
    Result<void> judge(X509_STORE_CTX* store);
    std::optional<SystemTime> date_in(const httplib::Response& response) const;
    Result<void> prepare();
    Result<ClientAnswer> ask(httplib::Request request);
    Result<httplib::Error> send(httplib::Request& request, httplib::Response& response);
    void set_connect_patience(std::chrono::milliseconds patience);
    Failure explain(httplib::Error error) const;
    /// For an answer of which so many bytes have come.
    std::chrono::milliseconds patience_for(std::size_t bytes) const {
        const std::size_t rate = options.least_bytes_per_second;
        return options.answer_patience + std::chrono::milliseconds(rate == 0 ? 0 : bytes * 1000 / rate);
    }

    ClientOptions options;
    net::Address address;
    std::optional<Detour> detour;
    httplib::SSLClient client;
    /// Why the server of the present call was refused.
    std::optional<Failure> refusal;
    std::optional<SteadyTime> last_use;
    /// The validity of the server's certificate.
    SystemTime verified_from{};
    SystemTime verified_until{};
    /// When the present call began to connect, and for how long it may.
    SteadyTime began;
    std::chrono::milliseconds connect_patience{};
};

/// Takes the place of OpenSSL's and the library's own verification (SSL_CTX_set_cert_verify_callback).
int Client::State::verify(X509_STORE_CTX* store, void* argument) {
    auto& state = *static_cast<State*>(argument);
    if (!state.options.server_ca) return 1;
    Result<void> judged = state.judge(store);
    if (judged.has_value()) return 1;
    // The alert that names the cause best, as far as X509_V_ERR_* has a word for it.
    const Code code = judged.error().code;
    const int error = code == Code::expired         ? X509_V_ERR_CERT_HAS_EXPIRED
                      : code == Code::wrong_purpose ? X509_V_ERR_INVALID_PURPOSE
                                                    : X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY;
    X509_STORE_CTX_set_error(store, error);
    state.refusal = judged.error();
    return 0;
}

/// The library has no place of its own between connect and TLS that would serve: its proxy support shows the
/// proxy's credentials to the server behind it, and takes refusals for TLS.
void Client::State::note_progress(const SSL* ssl, int where, int /*value*/) {
    if (where == SSL_CB_HANDSHAKE_START) {
        auto* const state = static_cast<State*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
        state->take_detour(const_cast<SSL*>(ssl));
    }
}

void Client::State::take_detour(SSL* ssl) {
    // The library has named the host that it connected to.
    const char* const name = is_ip_address(address.host) ? nullptr : address.host.c_str();
    SSL_set_tlsext_host_name(ssl, name);
    const int fd = SSL_get_fd(ssl);
    const Result<void> opened = detour->open(fd, options.connect_patience);
    if (opened.has_error()) {
        refusal = opened.error();
        ::shutdown(fd, SHUT_RDWR);
    }
}

Result<void> Client::State::judge(X509_STORE_CTX* store) {
    X509* leaf = X509_STORE_CTX_get0_cert(store);
    if (leaf == nullptr) return Failure{Code::no_certificate, "the server showed no certificate"};
    const pki::Certificate certificate = pki::Certificate::from_x509(leaf);
    std::vector<pki::Certificate> intermediates;
    STACK_OF(X509)* const presented = X509_STORE_CTX_get0_untrusted(store);
    for (int i = 0; i < sk_X509_num(presented); ++i) {
        intermediates.push_back(pki::Certificate::from_x509(sk_X509_value(presented, i)));
    }
    Result<void> verified =
        options.server_ca->verify(certificate, intermediates, pki::Purpose::server_auth, system_clock()());
    if (verified.has_error()) return with_context("the server's certificate", verified.error());
    const bool has_name = is_ip_address(address.host)
                              ? X509_check_ip_asc(leaf, address.host.c_str(), 0) == 1
                              : X509_check_host(leaf, address.host.data(), address.host.size(),
                                                X509_CHECK_FLAG_NEVER_CHECK_SUBJECT, nullptr) == 1;
    if (!has_name) {
        return Failure{Code::wrong_server_identity, "the server's certificate is not for " + address.host};
    }
    verified_from = certificate.not_before();
    verified_until = certificate.not_after();
    return pki::check_server_identity(certificate, options.trust_domain, pki::ServerKind::ca, {});
}

std::optional<SystemTime> Client::State::date_in(const httplib::Response& response) const {
    const auto date = from_http_date(response.get_header_value("Date"));
    const bool is_beyond = options.server_ca && date &&
                           (pki::is_too_early(verified_from, *date) || pki::is_over(verified_until, *date));
    return is_beyond ? std::nullopt : date;
}

Result<void> Client::State::prepare() {
    ERR_clear_error();
    const auto failed = [](const char* what) { return pki::openssl_failure(Code::config_invalid, what); };
    SSL_CTX* context = client.ssl_context();
    if (!client.is_valid() || context == nullptr ||
        SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) != 1) {
        return failed("making a TLS context");
    }
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
    SSL_CTX_set_mode(context, SSL_MODE_NO_AUTO_CHAIN);
    client.enable_server_certificate_verification(false);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
    SSL_CTX_set_cert_verify_callback(context, &State::verify, this);
    if (detour) {
        SSL_CTX_set_app_data(context, this);
        SSL_CTX_set_info_callback(context, &State::note_progress);
    }
    if (options.credentials) {
        const net::TlsCredentials& own = *options.credentials;
        if (own.chain.empty()) return Failure{Code::config_invalid, "no certificate for TLS"};
        if (SSL_CTX_use_certificate(context, own.chain.front().get()) != 1 ||
            SSL_CTX_use_PrivateKey(context, own.key.get()) != 1 || SSL_CTX_check_private_key(context) != 1) {
            return failed("using a certificate and its key");
        }
        for (std::size_t i = 1; i < own.chain.size(); ++i) {
            if ((X509_get_extension_flags(own.chain[i].get()) & EXFLAG_SS) != 0) continue;
            if (SSL_CTX_add1_chain_cert(context, own.chain[i].get()) != 1)
                return failed("using a certificate chain");
        }
    }
    set_connect_patience(options.connect_patience);
    const auto answer = split(options.answer_patience);
    client.set_read_timeout(answer.first, answer.second);
    client.set_write_timeout(answer.first, answer.second);
    client.set_keep_alive(true);
    client.set_follow_location(false);
    client.set_decompress(false);
    client.set_tcp_nodelay(true);
    return Result<void>();
}

void Client::State::set_connect_patience(std::chrono::milliseconds patience) {
    connect_patience = std::max(patience, std::chrono::milliseconds(1));
    const auto parts = split(connect_patience);
    client.set_connection_timeout(parts.first, parts.second);
}

/// The library's own look-up would wait for as long as the C library likes, on this thread.
Result<httplib::Error> Client::State::send(httplib::Request& request, httplib::Response& response) {
    began = std::chrono::steady_clock::now();
    httplib::Error error = httplib::Error::Success;
    if (last_use) {
        if (client.send(request, response, error)) return httplib::Error::Success;
        return error;
    }
    const std::string& host = detour ? detour->address.host : address.host;
    const auto until = began + options.connect_patience;
    net::Resolver::Answer found = net::Resolver::shared().resolve_blocking(host, until);
    if (found.failure) return with_context(address.text(), *std::move(found.failure));
    for (std::size_t i = 0; i < found.addresses.size(); ++i) {
        client.set_hostname_addr_map({{host, found.addresses[i].to_string()}});
        began = std::chrono::steady_clock::now();
        const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - began);
        set_connect_patience(left / static_cast<int>(found.addresses.size() - i));
        if (client.send(request, response, error)) return httplib::Error::Success;
        const bool is_nobody_there =
            error == httplib::Error::Connection || error == httplib::Error::ConnectionTimeout;
        if (!is_nobody_there) return error;
    }
    net::Resolver::shared().forget(host);
    return error;
}

/// The library tells little; OpenSSL's error queue of this thread and the clock tell the rest.
Failure Client::State::explain(httplib::Error error) const {
    const std::string where = address.text();
    if (refusal) return with_context(where, *refusal);
    if (auto own = descriptors_exhausted()) return with_context(where, *std::move(own));
    std::optional<Code> told;
    /// More than that the connection ended.
    std::string cause;
    while (const unsigned long entry = ERR_get_error()) {
        // The library says goodbye also where TLS was never up.
        const bool is_end = ERR_GET_LIB(entry) == ERR_LIB_SSL &&
                            (ERR_GET_REASON(entry) == SSL_R_UNEXPECTED_EOF_WHILE_READING ||
                             ERR_GET_REASON(entry) == SSL_R_SHUTDOWN_WHILE_IN_INIT);
        const char* const words = ERR_reason_error_string(entry);
        if (cause.empty() && !is_end && ERR_GET_LIB(entry) != ERR_LIB_SYS && words != nullptr) cause = words;
        if (!told && ERR_GET_LIB(entry) == ERR_LIB_ASN1) told = Code::malformed_certificate;
        if (!told && ERR_GET_LIB(entry) == ERR_LIB_SSL) told = net::code_of_tls_reason(ERR_GET_REASON(entry));
        if (ERR_GET_LIB(entry) == ERR_LIB_SSL && ERR_GET_REASON(entry) == SSL_R_SSLV3_ALERT_BAD_CERTIFICATE) {
            told = Code::not_yet_valid;
        }
        if (ERR_GET_LIB(entry) == ERR_LIB_SSL && ERR_GET_REASON(entry) == SSL_R_WRONG_VERSION_NUMBER)
            told = Code::not_tls;
    }
    if (told && *told != Code::end_of_stream)
        return Failure{*told, where + ": TLS: " + std::string(name(*told))};
    const auto took = std::chrono::steady_clock::now() - began;
    const bool is_late = took >= connect_patience;
    const std::string detail = where + ": " + httplib::to_string(error);
    switch (error) {
        case httplib::Error::Connection:
            return Failure{is_late ? Code::timed_out : Code::unreachable, detail};
        case httplib::Error::ConnectionTimeout:
            return Failure{Code::timed_out, detail};
        case httplib::Error::SSLConnection:
            if (is_late) return Failure{Code::timed_out, where + ": no TLS in time"};
            if (!cause.empty()) return Failure{Code::tls_failed, where + ": TLS: " + cause};
            // No word of TLS about it: who closed said nothing about trust.
            return Failure{Code::end_of_stream, where + ": the connection ended before TLS was up"};
        case httplib::Error::SSLServerVerification:
            return Failure{Code::unknown_issuer, detail};
        case httplib::Error::Read:
        case httplib::Error::Write:
            return Failure{took >= options.answer_patience ? Code::timed_out : Code::unreachable, detail};
        case httplib::Error::Canceled:
            return Failure{Code::timed_out, where + ": the answer took too long"};
        default:
            return Failure{Code::unreachable, detail};
    }
}

Result<ClientAnswer> Client::State::ask(httplib::Request request) {
    const SteadyTime start = std::chrono::steady_clock::now();
    const bool may_be_stale = last_use.has_value();
    if (last_use && start - *last_use > kReusableFor) {
        client.stop();
        last_use.reset();
    }
    request.set_header("Host", address.text());
    request.set_header("User-Agent", "postern/" + std::string(version()));
    request.set_header("Accept", "application/json");
    ClientAnswer answer;
    bool is_too_large = false;
    bool is_unwanted = false;
    request.content_receiver = [&](const char* data, std::size_t size, std::uint64_t, std::uint64_t total) {
        is_too_large = answer.body.size() + size > options.longest_answer || total > options.longest_answer;
        is_unwanted = options.is_wanted && !options.is_wanted();
        const auto took = std::chrono::steady_clock::now() - start;
        if (is_too_large || is_unwanted || took > patience_for(answer.body.size())) return false;
        // All at once: what grows by doubling takes up to three times as much.
        if (answer.body.empty()) answer.body.reserve(total);
        answer.body.append(data, size);
        return true;
    };
    refusal.reset();
    ERR_clear_error();
    httplib::Response response;
    Result<httplib::Error> sent = send(request, response);
    const bool is_broken =
        sent.has_value() && (sent.value() == httplib::Error::Read || sent.value() == httplib::Error::Write);
    // Connecting again for want of the connection that was kept is asking who is there anew, too.
    const bool is_nobody_there = sent.has_value() && (sent.value() == httplib::Error::Connection ||
                                                      sent.value() == httplib::Error::ConnectionTimeout);
    if (may_be_stale && ((is_broken && request.method == "GET") || is_nobody_there)) {
        // The server had closed the connection that was kept; asking again changes nothing there.
        client.stop();
        last_use.reset();
        answer.body.clear();
        ERR_clear_error();
        sent = send(request, response);
    }
    if (sent.has_error() || sent.value() != httplib::Error::Success) {
        client.stop();
        last_use.reset();
        if (is_unwanted)
            return Failure{Code::cancelled, address.text() + ": the answer is not wanted any more"};
        if (is_too_large)
            return Failure{Code::request_too_large, address.text() + ": the answer is too large"};
        return sent.has_error() ? sent.error() : explain(sent.value());
    }
    last_use = std::chrono::steady_clock::now();
    answer.status = static_cast<unsigned>(response.status);
    answer.etag = response.get_header_value("ETag");
    answer.date = date_in(response);
    if (answer.status >= 400) {
        Result<Problem> problem = problem_from_json(answer.body);
        if (problem.has_value()) answer.problem = std::move(problem.value());
    }
    return answer;
}

Client::Client(std::unique_ptr<State> state) : state_(std::move(state)) {}
Client::Client(Client&&) noexcept = default;
Client& Client::operator=(Client&&) noexcept = default;
Client::~Client() = default;

Result<Client> Client::make(ClientOptions options) {
    Result<HttpsUrl> url = HttpsUrl::parse(options.url);
    if (url.has_error()) return url.error();
    const net::Address& address = url.value().address();
    if (options.server_ca && !pki::is_trust_domain(options.trust_domain)) {
        return Failure{Code::config_invalid, "a trust domain is needed to know the CA service by"};
    }
    std::optional<Detour> detour;
    if (options.detour) {
        Result<std::optional<Detour>> found = options.detour(address);
        if (found.has_error()) return found.error();
        detour = std::move(found.value());
    }
    auto state = std::make_unique<State>(std::move(options), address, std::move(detour));
    const Result<void> prepared = state->prepare();
    if (prepared.has_error()) return prepared.error();
    return Client(std::move(state));
}

Result<ClientAnswer> Client::get(const std::string& path, const std::string& if_none_match) {
    httplib::Request request;
    request.method = "GET";
    request.path = path;
    if (!if_none_match.empty()) request.set_header("If-None-Match", if_none_match);
    return state_->ask(std::move(request));
}

Result<ClientAnswer> Client::post_json(const std::string& path, const std::string& body) {
    httplib::Request request;
    request.method = "POST";
    request.path = path;
    request.body = body;
    request.set_header("Content-Type", "application/json");
    return state_->ask(std::move(request));
}

}  // namespace postern::http
